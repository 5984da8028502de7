"""SQLite: another process that writes, and a disk that is full."""

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID, uuid4

from __tests__.auth.hostile.locker import write_locked
from __tests__.faults.shop import EMAIL, assert_unavailable, open_shop, write_order
from fastapi import Depends, FastAPI
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy import DatabaseRuntime, SqliteSettings

READS = ("/user", "/identity", "/optional")


async def test_a_writer_waits_for_another_process_and_readers_do_not(
    sqlite_file_settings: SqliteSettings, record: Any
) -> None:
    async with open_shop(sqlite_file_settings) as shop, shop.browser() as browser:
        orders = [uuid4() for _ in range(5)]
        async with write_locked(sqlite_file_settings.database, 1):
            locked = time.monotonic()
            writing = asyncio.gather(*(browser.post(f"/orders/{order}") for order in orders))
            reads = [await browser.get(path) for path in READS]
            assert not writing.done()
            written = await writing
            waited = time.monotonic() - locked
        assert [answer.json() for answer in reads] == [EMAIL] * 3
        assert [answer.status_code for answer in written] == [201] * 5
        assert waited >= 0.9
        await shop.assert_stored(*orders)
        statuses = [answer.status_code for answer in (*reads, *written)]
        record("write lock held by another process for 1 s", "SQLite", statuses, max(waited - 1, 0))


async def test_a_writer_that_waits_too_long_is_a_503_and_readers_never_notice(
    sqlite_file_settings: SqliteSettings, record: Any
) -> None:
    settings = sqlite_file_settings.model_copy(update={"busy_timeout": 0.5})
    async with open_shop(settings) as shop, shop.browser() as browser:
        order = uuid4()
        async with write_locked(settings.database, 60):
            start = time.monotonic()
            refused = await asyncio.gather(*(browser.post(f"/orders/{uuid4()}") for _ in range(5)))
            waited = time.monotonic() - start
            for answer in refused:
                assert_unavailable(answer)
            reads = [await browser.get(path) for path in READS]
            assert [answer.json() for answer in reads] == [EMAIL] * 3
        unlocked = time.monotonic()
        written = await browser.post(f"/orders/{order}")
        recovery = time.monotonic() - unlocked
        assert written.status_code == 201
        await shop.assert_stored(order)
        statuses = [answer.status_code for answer in (*refused, *reads, written)]
        note = f"the 503 after {waited:.1f} s, busy_timeout being 0.5 s"
        record("write lock held for longer than `busy_timeout`", "SQLite", statuses, recovery, note)


async def test_a_full_disk_is_a_503_and_what_was_begun_is_undone(
    sqlite_file_settings: SqliteSettings, record: Any
) -> None:
    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/large/{order}", status_code=201)
        async def large(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            await session.execute(text("INSERT INTO attachments VALUES (randomblob(1000000))"))
            await session.commit()

    async with open_shop(sqlite_file_settings, routes) as shop, shop.browser() as browser:
        async with shop.runtime.transaction() as session:
            await session.execute(text("CREATE TABLE attachments (content BLOB)"))
            pages = await session.scalar(text("PRAGMA page_count"))
        limit = pages + 10

        def fill(connection: Any, *_: object) -> None:
            cursor = connection.cursor()
            cursor.execute(f"PRAGMA max_page_count={limit}")
            cursor.close()

        event.listen(shop.runtime.engine.sync_engine, "checkout", fill)
        small, other, large = uuid4(), uuid4(), uuid4()
        answers = [await browser.post(f"/orders/{small}"), await browser.post(f"/large/{large}")]
        assert_unavailable(answers[1])
        answers += [await browser.get(path) for path in READS] + [await browser.post(f"/orders/{other}")]
        await shop.assert_stored(small, other)
        limit = pages + 10_000
        emptied = time.monotonic()
        answers.append(await browser.post(f"/large/{large}"))
        recovery = time.monotonic() - emptied
        assert [answer.status_code for answer in answers] == [201, 503, 200, 200, 200, 201, 201]
        await shop.assert_stored(small, other, large)
        record("disk full", "SQLite", [answer.status_code for answer in answers], recovery)
