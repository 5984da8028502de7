"""PostgreSQL's files may grow no further."""

import time
from typing import Annotated, Any
from uuid import UUID, uuid4

from __tests__.faults.shop import EMAIL, assert_unavailable, open_shop, write_order
from fastapi import Depends, FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy import DatabaseRuntime, DatabaseSettings

READS = ("/user", "/identity", "/optional")
QUOTA = str(17 * 2**20)  # bytes; the log of transactions has files of 16 MB


async def _limit_files(runtime: DatabaseRuntime, size: str) -> None:
    """Let the files of the server's processes grow so far, by its own hand: root need not be allowed to."""
    async with runtime.session() as session:
        pids = list(await session.scalars(text("SELECT pid FROM pg_stat_activity")))
        postmaster = (await session.execute(text("SELECT pg_read_file('postmaster.pid')"))).scalar_one().split()[0]
        for pid in (postmaster, *pids):
            await session.execute(text(f"COPY (SELECT) TO PROGRAM 'prlimit --pid {pid} --fsize={size}:'"))


async def test_a_full_disk_is_a_503_and_what_was_begun_is_undone(own_postgres_server: Any, record: Any) -> None:
    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/large/{order}", status_code=201)
        async def large(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            await session.execute(
                text("INSERT INTO attachments SELECT repeat('x', 6000) FROM generate_series(1, 4000)")
            )
            await session.commit()

    async with open_shop(DatabaseSettings.from_url(own_postgres_server.dsn), routes) as shop, shop.browser() as browser:
        async with shop.runtime.transaction() as session:
            await session.execute(text("CREATE TABLE attachments (content text STORAGE PLAIN)"))
        await _limit_files(shop.runtime, QUOTA)
        small, other, large = uuid4(), uuid4(), uuid4()
        answers = [await browser.post(f"/orders/{small}"), await browser.post(f"/large/{large}")]
        assert_unavailable(answers[1])
        answers += [await browser.get(path) for path in READS] + [await browser.post(f"/orders/{other}")]
        assert [answer.json() for answer in answers[2:5]] == [EMAIL] * 3
        await shop.assert_stored(small, other)
        await _limit_files(shop.runtime, "unlimited")
        emptied = time.monotonic()
        answers.append(await browser.post(f"/large/{large}"))
        recovery = time.monotonic() - emptied
        assert [answer.status_code for answer in answers] == [201, 503, 200, 200, 200, 201, 201]
        await shop.assert_stored(small, other, large)
        record("no room for a file to grow", "PostgreSQL", [answer.status_code for answer in answers], recovery)
