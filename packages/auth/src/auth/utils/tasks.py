"""Tasks that must not disturb each other, or be disturbed."""

import asyncio
from collections.abc import Coroutine, Hashable
from typing import Any
from weakref import WeakValueDictionary


class KeyedLocks:
    """A lock for each key, for as long as somebody in this process and event loop wants it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def of(self, *key: Hashable) -> asyncio.Lock:
        """Return the lock of this key."""
        here = (asyncio.get_running_loop(), *key)
        lock = self._locks.get(here)
        if lock is None:
            lock = self._locks[here] = asyncio.Lock()
        return lock


async def finish[T](work: Coroutine[Any, Any, T]) -> T:
    """Await `work` to its end even if the caller is cancelled meanwhile; only then the cancellation goes on.

    Whoever cancels a second time is not kept waiting.
    """
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait((task,))
        except asyncio.CancelledError:
            task.cancel()
            raise
        if not task.cancelled():
            task.exception()  # looked at: nobody else will
        raise
