"""The FastAPI dependency: one session a request, which gives its connection back before the answer is sent.

FastAPI ends a dependency of the default scope after the answer has gone out. A client that keeps its connection open
sends the next request before that, and finds the pool empty. So the session is closed on the stack that FastAPI leaves
between the route and the answer, and closed again, should something have used it since, when the request ends.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, MutableMapping
from contextlib import AsyncExitStack
from functools import cached_property
from typing import Any, Protocol, override

from sqlalchemy import Connection, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

_STACK = "fastapi_function_astack"
_ENDINGS = ("fastapi_inner_astack", "fastapi_middleware_astack")
_SESSIONS = "belgie.alchemy.sessions"
_WRITTEN = "belgie.alchemy.written"
_CONNECTED = "belgie.alchemy.connected"
_logger = logging.getLogger("belgie.alchemy")
_closing: set[asyncio.Task[None]] = set()


class HasScope(Protocol):
    """A request or a WebSocket, without importing either."""

    @property
    def scope(self) -> MutableMapping[str, Any]:
        """The ASGI scope."""
        ...


class SessionDependency:
    """Call it without an argument to use it outside FastAPI: `async for session in dependency(): ...`.

    It never commits. Whoever asks for it in one request, in whichever scope, gets the same session.

    FastAPI takes it for a coroutine function, and awaits what it returns: for a generator it opens a cancel scope and
    two context managers in every request, which costs more than the session does.
    """

    def __init__(self, open_session: Callable[[], AsyncSession]) -> None:
        self._open_session = open_session

    @cached_property
    def __signature__(self) -> inspect.Signature:
        """What FastAPI reads, when it reads it: then, and not before, Starlette is loaded."""
        from starlette.requests import HTTPConnection  # noqa: PLC0415 - belgie.alchemy works without Starlette

        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature(
            [inspect.Parameter("connection", kind, default=None, annotation=HTTPConnection)],
            return_annotation=AsyncGenerator[AsyncSession],
        )

    @inspect.markcoroutinefunction
    def __call__(self, connection: HasScope | None = None) -> "RequestSession":
        """Give the request's session; what was not committed is rolled back, and it is closed."""
        return RequestSession(self, {} if connection is None else connection.scope)

    async def of_request(self, scope: MutableMapping[str, Any]) -> AsyncSession:
        """Return the request's session, which is closed when the route has returned, and again when the request ends.

        Raises:
            RuntimeError: this is no request that FastAPI serves.
        """
        if (shared := self._shared(scope)) is not None:
            return shared
        ending: Any = next(filter(None, map(scope.get, _ENDINGS)), None)
        if not isinstance(ending, AsyncExitStack):
            msg = "only FastAPI awaits it, version 0.121 or later: write `async for session in dependency(): ...`"
            raise RuntimeError(msg)  # noqa: TRY004 - the caller is wrong, not an argument
        session = self._open_in(scope)
        ending.push_async_callback(self._close_in, scope, session)
        return session

    async def iterate(self, scope: MutableMapping[str, Any]) -> AsyncGenerator[AsyncSession]:
        """Yield the session, and close it."""
        if (shared := self._shared(scope)) is not None:
            yield shared
            return
        session = self._open_in(scope)
        try:
            yield session
        finally:
            await self._close_in(scope, session)

    def _shared(self, scope: MutableMapping[str, Any]) -> AsyncSession | None:
        sessions: dict[SessionDependency, AsyncSession] = scope.get(_SESSIONS, {})
        return sessions.get(self)

    def _open_in(self, scope: MutableMapping[str, Any]) -> AsyncSession:
        session = scope.setdefault(_SESSIONS, {})[self] = self._open_session()
        stack = scope.get(_STACK)
        if isinstance(stack, AsyncExitStack):
            stack.push_async_exit(_release(session, scope))
        return session

    async def _close_in(self, scope: MutableMapping[str, Any], session: AsyncSession) -> None:
        scope[_SESSIONS].pop(self, None)
        await close_session(session)


class RequestSession(AsyncGenerator[AsyncSession]):
    """A session that FastAPI awaits, and that anybody else iterates."""

    def __init__(self, dependency: SessionDependency, scope: MutableMapping[str, Any]) -> None:
        self._dependency = dependency
        self._scope = scope
        self._made: AsyncGenerator[AsyncSession] | None = None

    def __await__(self) -> Generator[Any, Any, AsyncSession]:
        """Return the session."""
        return self._dependency.of_request(self._scope).__await__()

    @property
    def _iteration(self) -> AsyncGenerator[AsyncSession]:
        # It must not know this object: Python ends a generator that was left in the middle when nobody knows it.
        if self._made is None:
            self._made = self._dependency.iterate(self._scope)
        return self._made

    @override
    def __anext__(self) -> Coroutine[Any, Any, AsyncSession]:
        return self._iteration.__anext__()

    @override
    def asend(self, value: None) -> Coroutine[Any, Any, AsyncSession]:
        return self._iteration.asend(value)

    @override
    def athrow(self, *error: Any) -> Coroutine[Any, Any, AsyncSession]:
        return self._iteration.athrow(*error)

    @override
    def aclose(self) -> Coroutine[Any, Any, None]:
        return self._iteration.aclose()


def _release(session: AsyncSession, scope: MutableMapping[str, Any]) -> Callable[..., Coroutine[Any, Any, None]]:
    """Return what closes the session when the route has returned, or has failed: then a 503 if that is the database's.

    Here the answer has not begun, so that there is still a choice.
    """

    async def release(kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        # The usual reason: a dependency of the application commits after its yield, when the answer is out.
        if kind is None and (session.new or session.dirty or session.deleted or _WRITTEN in session.info):
            _logger.warning("a request ended with changes that were not committed, and they were rolled back")
        await close_session(session)
        if error is not None:
            from belgie.alchemy.unavailable import answer_to  # noqa: PLC0415 - belgie.alchemy works without Starlette

            if (answer := answer_to(error, scope)) is not None:
                raise answer from error

    return release


async def close_session(session: AsyncSession) -> None:
    """Roll back, and give the connection back, even if the caller is cancelled meanwhile."""
    if not session.in_transaction() or (
        isinstance(session.sync_session, NotingSession) and _CONNECTED not in session.info
    ):
        session.sync_session.close()
        return
    await to_the_end(_close(session))


class NotingSession(Session):
    """Knows whether the transaction in progress has a connection, and whether it has written."""


@event.listens_for(NotingSession, "after_flush")
def _note(session: Session, _context: UOWTransaction) -> None:
    session.info[_WRITTEN] = True


@event.listens_for(NotingSession, "after_begin")
def _note_connection(session: Session, _transaction: SessionTransaction, _connection: Connection) -> None:
    session.info[_CONNECTED] = True


@event.listens_for(NotingSession, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_WRITTEN, None)
        session.info.pop(_CONNECTED, None)


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for `work`, which goes on when the waiting is cancelled."""
    task = asyncio.create_task(work)
    _closing.add(task)  # the loop itself holds tasks weakly
    task.add_done_callback(_closing.discard)
    await asyncio.shield(task)


async def _close(session: AsyncSession) -> None:
    try:
        await session.close()
    except (DBAPIError, OSError) as error:
        # The connection is lost, and with it what was not committed: there is nothing left to undo.
        _logger.warning("a database connection was lost while it was given back: %s", type(error).__name__)
        await session.invalidate()
