"""Waiting for something that happens in another thread."""

import asyncio
import time
from collections.abc import Callable


async def until(condition: Callable[[], object], patience: float = 10) -> None:
    """Return when the condition holds; fail if it does not within `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.01)
