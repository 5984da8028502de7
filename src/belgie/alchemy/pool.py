"""A pool that serves its callers in turn, and survives a change of the event loop."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util import await_only

from belgie.alchemy.turns import Turns, came

_LOOP = "belgie.loop"
_RETURNED = "belgie.returned"
_TURN = "belgie.turn"
_JUST_NOW_SECONDS = 0.1


class TurnPool(AsyncAdaptedQueuePool):
    """Gives out its connections first come, first served, and makes one more than it keeps only after some waiting.

    SQLAlchemy's pool gives a connection that comes free to whoever asks next, and not to who waits longest: under
    load, a few wait very long. And it makes connections beyond `pool_size` at once, and closes each when it is given
    back: under load, that is one for every few requests.
    """

    _turns: Turns[ConnectionPoolEntry] | None = None

    def _do_get(self) -> ConnectionPoolEntry:
        loop = asyncio.get_running_loop()
        if self._max_overflow < 0:  # there is a connection for everyone
            return self._prepared(super()._do_get(), loop)
        turns = self._turns
        if turns is None or turns.loop is not loop:
            turns = self._turns = Turns(self.size(), self._max_overflow)
        entry = None if turns.take_at_once() else self._wait_for_turn(turns)
        try:
            entry = self._prepared(entry or super()._do_get(), loop)
        except BaseException:
            turns.end()
            raise
        if entry.record_info is not None:
            entry.record_info[_TURN] = turns
        return entry

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        turns: Turns[ConnectionPoolEntry] | None = None
        if record.record_info is not None:
            turns = record.record_info.pop(_TURN, None)
        if turns is None:
            super()._do_return_conn(record)
        elif not (_runs_here(turns) and turns.hand_on(record)):
            self._put_back(record, turns)

    def _wait_for_turn(self, turns: Turns[ConnectionPoolEntry]) -> ConnectionPoolEntry | None:
        turn = turns.stand_in_line()
        try:
            return await_only(turns.wait(turn, self.timeout()))
        except BaseException:
            if came(turn):  # and then the cancellation
                entry = turn.result()
                if entry is None:
                    turns.end()
                elif not turns.hand_on(entry):
                    self._put_back(entry, turns)
            raise

    def _put_back(self, entry: ConnectionPoolEntry, turns: Turns[ConnectionPoolEntry]) -> None:
        try:
            super()._do_return_conn(entry)
        finally:
            _end(turns)

    def _prepared(self, entry: ConnectionPoolEntry, loop: asyncio.AbstractEventLoop) -> ConnectionPoolEntry:  # noqa: ARG002 - for those that are bound to it
        return entry


class LoopBoundPool(TurnPool):
    """Gives out connections of the running event loop only.

    A connection of asyncpg belongs to the loop that made it. Test clients and scripts run one loop after the other: a
    connection that an earlier one left behind is dropped, and a new one made.
    """

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        record.info[_RETURNED] = time.monotonic()
        super()._do_return_conn(record)

    def _prepared(self, entry: ConnectionPoolEntry, loop: asyncio.AbstractEventLoop) -> ConnectionPoolEntry:
        return self._rested(self._of_loop(entry, loop))

    def _of_loop(self, entry: ConnectionPoolEntry, loop: asyncio.AbstractEventLoop) -> ConnectionPoolEntry:
        made_in: asyncio.AbstractEventLoop | None = entry.info.get(_LOOP)
        if entry.dbapi_connection is None or made_in is None or made_in is loop:
            return entry
        if made_in.is_running():
            AsyncAdaptedQueuePool._do_return_conn(self, entry)  # noqa: SLF001 - the turn ends with the error
            msg = (
                "this database runtime is in use by another running event loop: make one for each loop, from settings "
                "of its own (settings.model_copy())"
            )
            raise RuntimeError(msg)
        abandon(entry.dbapi_connection, made_in)
        # The pool makes a new one in its place.
        entry.dbapi_connection = None  # ty: ignore[missing-slot] - the record that implements the entry has it
        return entry

    @staticmethod
    def _rested(entry: ConnectionPoolEntry) -> ConnectionPoolEntry:
        """Spare a connection the ping if it was in use just now, and is open: a ping takes longer than most statements.

        A server that says goodbye closes the connection, which is seen without asking. What the ping is for, a server
        or a network that falls silent, takes longer to be noticed than a connection counts as just used.
        """
        returned: float | None = entry.info.get(_RETURNED)
        connection: Any = entry.dbapi_connection
        if returned is not None and connection is not None and time.monotonic() - returned < _JUST_NOW_SECONDS:
            setattr(entry, "fresh", not connection.driver_connection.is_closed())  # noqa: B010 - of the record behind it
        return entry


def _runs_here(turns: Turns[Any]) -> bool:
    with suppress(RuntimeError):  # no loop runs in this thread
        return turns.loop is asyncio.get_running_loop()
    return False


def _end(turns: Turns[Any]) -> None:
    """End a turn, in whichever thread: the garbage collector gives back what an application has forgotten."""
    if _runs_here(turns):
        turns.end()
        return
    with suppress(RuntimeError):  # the loop is closed, and its turns with it
        turns.loop.call_soon_threadsafe(turns.end)


def remember_loop(_connection: Any, entry: ConnectionPoolEntry) -> None:
    """Note, when a connection is made, which event loop it belongs to."""
    entry.info[_LOOP] = asyncio.get_running_loop()


def abandon(connection: Any, loop: asyncio.AbstractEventLoop) -> None:
    """Close a connection whose loop does not run, without waiting for it."""
    with suppress(RuntimeError):  # the loop is closed, and the connection with it
        loop.call_soon_threadsafe(connection.driver_connection.terminate)
