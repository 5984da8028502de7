"""A pool that survives a change of the event loop."""

import asyncio
from contextlib import suppress
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry

_LOOP = "belgie.loop"


class LoopBoundPool(AsyncAdaptedQueuePool):
    """Gives out connections of the running event loop only.

    A connection of asyncpg belongs to the loop that made it. Test clients and scripts run one loop after the other: a
    connection that an earlier one left behind is dropped, and a new one made.
    """

    def _do_get(self) -> ConnectionPoolEntry:
        entry = super()._do_get()
        made_in: asyncio.AbstractEventLoop | None = entry.info.get(_LOOP)
        if entry.dbapi_connection is None or made_in is None or made_in is asyncio.get_running_loop():
            return entry
        if made_in.is_running():
            self._do_return_conn(entry)
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
