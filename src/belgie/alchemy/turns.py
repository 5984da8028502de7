"""Who may have a connection next."""

import asyncio
from collections import deque
from typing import Final

from sqlalchemy import exc

__all__ = ["Turns"]

#: Seconds to wait for a connection that is in use, before one more is made than the pool keeps: that takes a server
#: longer than most requests need theirs.
PATIENCE: Final = 0.05


class Turns:
    """First come, first served: `kept` callers at once, and up to `more` beyond when waiting takes long.

    For one event loop.
    """

    def __init__(self, kept: int, more: int) -> None:
        self._all = kept + more
        self._free = kept
        self._more = more
        self._beyond = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a turn if there is one, and nobody waits."""
        if self._waiting or not self._free:
            return False
        self._free -= 1
        return True

    async def wait(self, timeout: float) -> None:  # noqa: ASYNC109 - the pool's setting
        """Wait for a turn.

        Raises:
            TimeoutError: SQLAlchemy's: there was none within `timeout` seconds.
        """
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        impatient = loop.call_later(min(PATIENCE, timeout), self._go_beyond, turn)
        given_up = loop.call_later(timeout, turn.cancel)
        try:
            await turn
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if turn.done() and not turn.cancelled():
                self.end()  # the turn came, and then the cancellation
                raise
            self._waiting = deque(other for other in self._waiting if other is not turn)
            if task is not None and task.cancelling():
                raise
            msg = f"all {self._all} connections are in use, and none came free in time"
            raise exc.TimeoutError(msg) from None
        finally:
            impatient.cancel()
            given_up.cancel()

    def end(self) -> None:
        """Give the turn to who has waited longest."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        if self._beyond:
            self._beyond -= 1
        else:
            self._free += 1

    def _go_beyond(self, turn: asyncio.Future[None]) -> None:
        """Let a caller who has waited for long have a connection beyond those that are kept."""
        if not turn.done() and self._beyond < self._more:
            self._beyond += 1
            self._waiting.remove(turn)
            turn.set_result(None)
