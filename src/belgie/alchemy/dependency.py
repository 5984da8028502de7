"""The FastAPI dependency: one session a request, which gives its connection back before the answer is sent.

FastAPI ends a dependency of the default scope after the answer has gone out. A client that keeps its connection open
sends the next request before that, and finds the pool empty. So the session is closed on the stack that FastAPI leaves
between the route and the answer, and closed again, should something have used it since, when the request ends.
"""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, MutableMapping
from contextlib import AsyncExitStack
from functools import cached_property
from typing import Any, Protocol

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, SessionTransaction, UOWTransaction

_STACK = "fastapi_function_astack"
_SESSIONS = "belgie.alchemy.sessions"
_WRITTEN = "belgie.alchemy.written"
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

    async def __call__(self, connection: HasScope | None = None) -> AsyncGenerator[AsyncSession]:
        """Yield the request's session; roll back what was not committed, and close it."""
        scope: MutableMapping[str, Any] = {} if connection is None else connection.scope
        sessions: dict[SessionDependency, AsyncSession] = scope.setdefault(_SESSIONS, {})
        if (shared := sessions.get(self)) is not None:
            yield shared
            return
        session = sessions[self] = self._open_session()
        stack = scope.get(_STACK)
        if isinstance(stack, AsyncExitStack):
            stack.push_async_exit(_release(session, scope))
        try:
            yield session
        finally:
            sessions.pop(self, None)
            await close_session(session)


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
    if not session.in_transaction():
        session.sync_session.close()
        return
    await to_the_end(_close(session))


class NotingSession(Session):
    """Knows whether the transaction in progress has written."""


@event.listens_for(NotingSession, "after_flush")
def _note(session: Session, _context: UOWTransaction) -> None:
    session.info[_WRITTEN] = True


@event.listens_for(NotingSession, "after_transaction_end")
def _forget(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(_WRITTEN, None)


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
