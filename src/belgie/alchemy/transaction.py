"""Who commits: each call by itself, a block for all calls in it, or the application that has begun a transaction.

Whether a block is open is kept on the session, because one adapter serves many sessions at a time.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy.exc import SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import SessionTransactionOrigin

from belgie.alchemy.errors import forget_values, translate
from proto import AdapterError

__all__ = ["guarded", "in_block", "session_of", "transaction"]

_OPEN_BLOCK: Final = "belgie.transaction"


@dataclass
class _Block:
    """An open transaction block."""

    undone: bool = False

    def refuse_if_undone(self) -> None:
        """Keep what follows a failure from being committed without what came before it."""
        if self.undone:
            msg = "this transaction was undone by an earlier error: leave its block, then try again"
            raise AdapterError(msg)


def session_of(db: object) -> AsyncSession:
    """Return the session that an adapter's method was given.

    Raises:
        TypeError: it is no SQLAlchemy `AsyncSession`.
    """
    if isinstance(db, AsyncSession):
        return db
    if isinstance(db, async_scoped_session):
        return cast("async_scoped_session[AsyncSession]", db)()
    msg = f"expected a sqlalchemy.ext.asyncio.AsyncSession as db, got {type(db).__name__}"
    raise TypeError(msg)


def in_block(session: AsyncSession) -> bool:
    """Tell whether a transaction block is open, even if no statement has begun the transaction yet."""
    return _OPEN_BLOCK in session.info


@asynccontextmanager
async def transaction(session: AsyncSession) -> AsyncGenerator[AsyncSession]:
    """Commit once, at the end of the outermost block, or undo everything if an error leaves any block.

    After an error of the database the whole transaction is undone at once. Whoever catches that error inside the
    block cannot go on in it: every further call raises, and so does the end of the block.

    Raises:
        AdapterError: an error inside was caught, and nothing was written.
        ConflictError: the commit failed on a duplicate; and so on, as `belgie.alchemy.errors` has it.
    """
    outer: _Block | None = session.info.get(_OPEN_BLOCK)
    block = outer or _Block()
    block.refuse_if_undone()
    session.info[_OPEN_BLOCK] = block
    try:
        yield session
        block.refuse_if_undone()
    except BaseException:
        await _undo(session, block)
        raise
    finally:
        if outer is None:
            session.info.pop(_OPEN_BLOCK, None)
    if outer is None:
        async with guarded(session, commit=True):
            pass


@asynccontextmanager
async def guarded(session: AsyncSession, *, commit: bool = False) -> AsyncGenerator[None]:
    """Run statements so that an error leaves nothing behind and the session usable, and is one of `proto`'s.

    Args:
        session: where the statements run.
        commit: make them permanent at the end, unless a block is open, whose end does, or the application has begun
            the transaction with `begin()` or `begin_nested()`, whose end does.
    """
    block: _Block | None = session.info.get(_OPEN_BLOCK)
    if block is not None:
        block.refuse_if_undone()
    try:
        yield
        if commit and block is None and not _begun_by_application(session):
            await _commit(session)
    except BaseException as error:
        await _undo(session, block)
        _forget_values(error)
        meaning = translate(error)
        if meaning is None or meaning is error:
            raise
        raise meaning from error


def _begun_by_application(session: AsyncSession) -> bool:
    current = session.sync_session.get_transaction()
    explicit = current is not None and current.origin is SessionTransactionOrigin.BEGIN
    return explicit or session.in_nested_transaction()


async def _commit(session: AsyncSession) -> None:
    """Commit and keep the rows readable: an expired one cannot load itself on an async connection."""
    sync = session.sync_session
    expire, sync.expire_on_commit = sync.expire_on_commit, False
    try:
        await session.commit()
    finally:
        sync.expire_on_commit = expire


async def _undo(session: AsyncSession, block: _Block | None) -> None:
    if block is not None:
        if block.undone:
            return
        block.undone = True
    elif session.in_nested_transaction():
        return  # the application's savepoint undoes what came after it, and keeps what came before
    # Where the connection is lost, so is what was written; the error that led here says more than this one's.
    with suppress(SQLAlchemyError):
        await session.rollback()


def _forget_values(error: BaseException) -> None:
    """Keep addresses and tokens out of a traceback that shows the driver's error."""
    cause: Any = error
    while cause is not None:
        if isinstance(cause, StatementError):
            cause.hide_parameters = True
        cause = cause.__cause__
    forget_values(error)
