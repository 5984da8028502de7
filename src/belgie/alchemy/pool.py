"""A pool that serves its callers in turn, and survives a change of the event loop."""

import asyncio
from contextlib import suppress
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool, exc
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

_LOOP = "belgie.loop"


class LoopBoundPool(AsyncAdaptedQueuePool):
    """Gives out connections of the running event loop only, first come, first served.

    SQLAlchemy's pool gives a connection that comes free to whoever asks next, and not to who waits longest: under
    load, a few wait very long. Here, each waits for a turn before it asks.

    A connection of asyncpg belongs to the loop that made it. Test clients and scripts run one loop after the other: a
    connection that an earlier one left behind is dropped, and a new one made.
    """

    _turns: asyncio.BoundedSemaphore | None = None
    _turns_loop: asyncio.AbstractEventLoop | None = None

    def _do_get(self) -> ConnectionPoolEntry:
        loop = asyncio.get_running_loop()
        if self._max_overflow >= 0:  # otherwise there is a connection for everyone
            await_only(self._wait_for_turn(loop))
        try:
            return self._of_loop(super()._do_get(), loop)
        except BaseException:
            self._end_turn()
            raise

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        try:
            super()._do_return_conn(record)
        finally:
            self._end_turn()

    async def _wait_for_turn(self, loop: asyncio.AbstractEventLoop) -> None:
        turns = self._turns
        if turns is None or self._turns_loop is not loop:
            turns = self._turns = asyncio.BoundedSemaphore(self.size() + self._max_overflow)
            self._turns_loop = loop
        if not turns.locked():
            await turns.acquire()
            return
        try:
            async with asyncio.timeout(self.timeout()):
                await turns.acquire()
        except TimeoutError:
            msg = f"all {self.size() + self._max_overflow} connections are in use, and none came free in time"
            raise exc.TimeoutError(msg) from None

    def _end_turn(self) -> None:
        if self._turns is not None:
            with suppress(ValueError):  # it began in another event loop
                self._turns.release()

    def _of_loop(self, entry: ConnectionPoolEntry, loop: asyncio.AbstractEventLoop) -> ConnectionPoolEntry:
        made_in: asyncio.AbstractEventLoop | None = entry.info.get(_LOOP)
        if entry.dbapi_connection is None or made_in is None or made_in is loop:
            return entry
        if made_in.is_running():
            super()._do_return_conn(entry)
            msg = (
                "this database runtime is in use by another running event loop: make one for each loop, from settings "
                "of its own (settings.model_copy())"
            )
            raise RuntimeError(msg)
        abandon(entry.dbapi_connection, made_in)
        # The pool makes a new one in its place.
        entry.dbapi_connection = None  # ty: ignore[missing-slot] - the record that implements the entry has it
        return entry


def remember_loop(_connection: Any, entry: ConnectionPoolEntry) -> None:
    """Note, when a connection is made, which event loop it belongs to."""
    entry.info[_LOOP] = asyncio.get_running_loop()


def abandon(connection: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close a connection whose loop does not run, without waiting for it."""
    with suppress(RuntimeError):  # the loop is closed, and the connection with it
        loop.call_soon_threadsafe(connection.driver_connection.terminate)
