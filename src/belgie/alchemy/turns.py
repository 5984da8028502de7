"""Who may have a connection next."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import exc

__all__ = ["Turns", "came"]

#: Seconds to wait for a connection that is in use, before one more is made than the pool keeps: that takes a server
#: longer than most requests need theirs.
PATIENCE: Final = 0.05


class Turns[EntryT]:
    """First come, first served: `kept` callers at once, and up to `more` beyond when waiting takes long.

    What was made beyond is used as long as there is work for it: whoever gives a connection back hands it to who has
    waited longest, until nobody waits.

    For the event loop that runs when it is made.
    """

    def __init__(self, kept: int, more: int) -> None:
        self.loop = asyncio.get_running_loop()
        self._kept = kept
        self._more = more
        self._free = kept
        self._beyond = 0
        self._waiting: deque[asyncio.Future[EntryT | None]] = deque()

    def take_at_once(self) -> bool:
        """Take a turn if there is one, and nobody waits."""
        if self._waiting or not self._free:
            return False
        self._free -= 1
        return True

    def stand_in_line(self) -> asyncio.Future[EntryT | None]:
        """Return what is done when the turn has come; pass it to `wait`."""
        turn: asyncio.Future[EntryT | None] = self.loop.create_future()
        self._waiting.append(turn)
        return turn

    async def wait(self, turn: asyncio.Future[EntryT | None], timeout: float) -> EntryT | None:  # noqa: ASYNC109 - the pool's setting
        """Return the connection that comes with the turn, or None if one has to be looked for or made.

        Who is cancelled has to look whether the turn has come all the same (`came`), and to give it on.

        Raises:
            TimeoutError: SQLAlchemy's: there was none within `timeout` seconds.
        """
        impatient = self.loop.call_later(min(PATIENCE, timeout), self._go_beyond, turn)
        given_up = self.loop.call_later(timeout, self._give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            with suppress(ValueError):  # it was passed over meanwhile
                self._waiting.remove(turn)
            raise
        finally:
            impatient.cancel()
            given_up.cancel()

    def hand_on(self, entry: EntryT | None) -> bool:
        """Give the turn, and its connection if there is one, to who has waited longest; false if nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(entry)
                return True
        return False

    def end(self) -> None:
        """Give the turn without a connection to who has waited longest, or let it be free."""
        if self.hand_on(None):
            return
        if self._free < self._kept:
            self._free += 1
        else:
            self._beyond -= 1

    def _go_beyond(self, turn: asyncio.Future[EntryT | None]) -> None:
        """Let a caller who has waited for long have a connection beyond those that are kept."""
        if not turn.done() and self._beyond < self._more:
            self._beyond += 1
            self._waiting.remove(turn)
            turn.set_result(None)

    def _give_up(self, turn: asyncio.Future[EntryT | None]) -> None:
        self._go_beyond(turn)
        if not turn.done():
            self._waiting.remove(turn)
            msg = f"all {self._kept + self._more} connections are in use, and none came free in time"
            turn.set_exception(exc.TimeoutError(msg))


def came(turn: asyncio.Future[Any]) -> bool:
    """Tell whether a turn has come."""
    return turn.done() and not turn.cancelled() and turn.exception() is None
