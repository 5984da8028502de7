"""Runs a command's work on an event loop."""

import asyncio
import signal
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


def finish[T](work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    try:
        return asyncio.run(_interruptible(work))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _interruptible[T](work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task: asyncio.Task[Any] | None = asyncio.current_task()
    if task is not None and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # This one wakes the loop up; that of `asyncio.run` may be called only when the waiting is over.
        with suppress(NotImplementedError, RuntimeError):  # on Windows; in a thread
            loop.add_signal_handler(signal.SIGINT, task.cancel)
    try:
        return await work
    except asyncio.CancelledError:
        # Who interrupts a command does not ask what became of the connection that was being made.
        loop.set_exception_handler(lambda _loop, _context: None)
        raise
