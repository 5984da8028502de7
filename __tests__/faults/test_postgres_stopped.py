"""PostgreSQL is stopped and started again while requests come in."""

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID, uuid4

from __tests__.faults.load import under_load
from __tests__.faults.shop import assert_unavailable, open_shop, write_order
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy import DatabaseRuntime, DatabaseSettings


async def test_requests_fail_with_503_while_it_is_down_and_work_when_it_is_back(
    own_postgres_server: Any, record: Any
) -> None:
    in_flight = asyncio.Event()

    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/slow/{order}", status_code=201)
        async def slow(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            in_flight.set()
            await session.execute(text("SELECT pg_sleep(60)"))
            await session.commit()

    async with open_shop(DatabaseSettings.from_url(own_postgres_server.dsn), routes) as shop:
        async with under_load(shop) as load, shop.browser() as browser:
            await load.until_each(fine=True)
            slow = asyncio.create_task(browser.post(f"/slow/{uuid4()}"))
            await in_flight.wait()
            await asyncio.to_thread(own_postgres_server.stop)
            assert_unavailable(await slow)
            await load.until_each(fine=False)
            await asyncio.to_thread(own_postgres_server.start)
            started = time.monotonic()
            await load.until_each(fine=True)
        statuses = [answer.status for answer in load.answers]
        assert 503 in statuses
        record("server stopped and started under load", "PostgreSQL", [*statuses, 503], load.recovery(started))
