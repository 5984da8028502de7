"""Clients that ask again and again, and what they were answered."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import httpx
from __tests__.faults.shop import EMAIL, LINES, Shop, assert_unavailable

READS = ("/user", "/identity", "/optional")
WAIT_SECONDS = 60
PAUSE_AFTER_503 = 0.02


@dataclass(frozen=True)
class Answer:
    """One request's outcome; status 0 is no answer at all."""

    path: str
    status: int
    at: float
    order: UUID | None = None

    @property
    def is_fine(self) -> bool:
        return self.status in (200, 201)


@dataclass
class Load:
    """The answers so far."""

    shop: Shop
    answers: list[Answer] = field(default_factory=list[Answer])
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _stopped: bool = False

    async def until(self, condition: Callable[[list[Answer]], bool]) -> None:
        """Wait until the answers from here on fulfil a condition."""
        start = len(self.answers)
        async with asyncio.timeout(WAIT_SECONDS), self._changed:
            await self._changed.wait_for(lambda: condition(self.answers[start:]))

    async def until_each(self, *, fine: bool, times: int = 2) -> None:
        """Wait until every kind of request was answered so a few times from here on."""

        def enough(answers: list[Answer]) -> bool:
            seen = Counter(answer.path for answer in answers if answer.is_fine is fine)
            return all(seen[path] >= times for path in (*READS, "/orders"))

        await self.until(enough)

    def recovery(self, since: float) -> float:
        """Seconds from a moment to the first good answer of every kind of request."""
        firsts = [
            min(answer.at for answer in self.answers if answer.is_fine and answer.path == path and answer.at > since)
            for path in (*READS, "/orders")
        ]
        return max(firsts) - since

    async def run(self, browser: httpx.AsyncClient) -> None:
        """Ask until stopped, each kind in turn."""
        while not self._stopped:
            for path in READS:
                await self._ask(browser, "GET", path)
            await self._ask(browser, "POST", "/orders", uuid4())

    def stop(self) -> None:
        self._stopped = True

    async def _ask(self, browser: httpx.AsyncClient, method: str, path: str, order: UUID | None = None) -> None:
        status = 0
        with suppress(httpx.TransportError):
            answer = await browser.request(method, path if order is None else f"{path}/{order}")
            status = answer.status_code
            check(answer, path)
        self.answers.append(Answer(path, status, time.monotonic(), order))
        async with self._changed:
            self._changed.notify_all()
        if status != 200:
            await asyncio.sleep(PAUSE_AFTER_503)

    async def assert_nothing_lost(self) -> None:
        """What was answered with 2xx is stored, whole; what was refused is stored whole or not at all."""
        assert {answer.status for answer in self.answers} <= {200, 201, 503}
        stored = await self.shop.orders()
        assert set(stored.values()) <= {LINES}
        orders = {answer.order for answer in self.answers if answer.order is not None}
        assert {answer.order for answer in self.answers if answer.order is not None and answer.is_fine} <= set(stored)
        assert set(stored) <= orders
        await self.shop.assert_settled()


def check(answer: httpx.Response, path: str) -> None:
    """An answer is the right one, or a 503: never anonymous, never anything else."""
    if answer.status_code in (200, 201):
        assert answer.json() == (EMAIL if path in READS else None)
    else:
        assert_unavailable(answer)


@asynccontextmanager
async def under_load(shop: Shop, clients: int = 6) -> AsyncGenerator[Load]:
    """Have so many clients ask while the block lasts, and check afterwards that nothing was lost."""
    load = Load(shop)
    async with shop.browser() as browser, asyncio.TaskGroup() as group:
        tasks = [group.create_task(load.run(browser)) for _ in range(clients)]
        try:
            yield load
        except BaseException:
            for task in tasks:
                task.cancel()
            raise
        load.stop()
    await load.assert_nothing_lost()
