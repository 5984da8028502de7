"""Runs a command's work on an event loop."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final

_PATIENCE: Final = 2.0
_WORKER: Final = "_connection_worker_thread"


def finish[T](work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns, when the database driver's threads have nothing more to say."""

    async def run() -> T:
        try:
            return await work
        finally:
            await _let_workers_end()

    return asyncio.run(run())


async def _let_workers_end() -> None:
    """Wait for aiosqlite's threads.

    A thread that could not open its file says so, and then that it stops. By then the loop may be closed, of which the
    thread would print a traceback.
    """
    deadline = time.monotonic() + _PATIENCE
    while any(_WORKER in thread.name for thread in threading.enumerate()):
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(0.005)
