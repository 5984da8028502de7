"""Runs a command's work on an event loop."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def finish[T](work: Coroutine[Any, Any, T]) -> T:
    """Return what the work returns."""

    async def run() -> T:
        try:
            return await work
        except asyncio.CancelledError:
            # Who interrupts a command does not ask what became of the connection that was being made.
            asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
            raise

    return asyncio.run(run())
