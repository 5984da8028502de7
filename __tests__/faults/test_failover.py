"""The primary crashes, and the standby takes its place on another port."""

import asyncio
import os
import signal
import time
from typing import Any
from uuid import uuid4

import asyncpg
from __tests__.faults.load import under_load
from __tests__.faults.shop import EMAIL, assert_unavailable, open_shop

from belgie.alchemy import DatabaseSettings


async def _commit_on_both(primary: str) -> None:
    """Let a commit succeed only when the standby has it, so that what was acknowledged outlives the primary."""
    admin = await asyncpg.connect(primary)
    try:
        await admin.execute("ALTER ROLE postgres SET synchronous_commit = on")
        await admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()


def _crash(server: Any) -> None:
    """End all of the server's processes at once, without a word to the clients' transactions."""
    os.kill(int((server.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
    server.stop()


async def _demote(server: str) -> None:
    """Let the server refuse writes from now on, over the connections that it has too."""
    admin = await asyncpg.connect(server)
    try:
        await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        await admin.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            while await admin.fetchval("SHOW default_transaction_read_only") != "on":  # noqa: ASYNC110 - of a server
                await asyncio.sleep(0.01)
    finally:
        await admin.close()


async def _promote(standby: str) -> None:
    admin = await asyncpg.connect(standby)
    try:
        assert await admin.fetchval("SELECT pg_promote()")
        await admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        await admin.execute("SELECT pg_reload_conf()")
    finally:
        await admin.close()


async def test_the_standby_is_found_when_it_has_become_the_primary(
    own_postgres_server: Any, standby_server: Any, record: Any
) -> None:
    hosts = f"127.0.0.1:{own_postgres_server.port},127.0.0.1:{standby_server.port}"
    settings = DatabaseSettings.from_url(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=primary")
    await _commit_on_both(own_postgres_server.dsn)
    async with open_shop(settings) as shop:
        async with under_load(shop) as load:
            await load.until_each(fine=True)
            await asyncio.to_thread(_crash, own_postgres_server)
            await load.until_each(fine=False)
            await _promote(standby_server.dsn)
            promoted = time.monotonic()
            await load.until_each(fine=True)
        statuses = [answer.status for answer in load.answers]
        recovery = load.recovery(promoted)
        record("primary crashed, standby promoted on another port", "PostgreSQL", statuses, recovery)


async def test_a_server_that_takes_no_writes_any_more_is_left_though_its_connections_work(
    own_postgres_server: Any, standby_server: Any, record: Any
) -> None:
    hosts = f"127.0.0.1:{own_postgres_server.port},127.0.0.1:{standby_server.port}"
    settings = DatabaseSettings.from_url(f"postgresql://postgres@{hosts}/postgres?target_session_attrs=read-write")
    await _commit_on_both(own_postgres_server.dsn)
    async with open_shop(settings) as shop, shop.browser() as browser:
        before, refused, after = uuid4(), uuid4(), uuid4()
        answers = [await browser.post(f"/orders/{before}")]
        await _demote(own_postgres_server.dsn)
        await _promote(standby_server.dsn)
        promoted = time.monotonic()
        answers.append(await browser.post(f"/orders/{refused}"))
        assert_unavailable(answers[-1])
        answers += [await browser.post(f"/orders/{after}"), await browser.get("/user")]
        recovery = time.monotonic() - promoted
        assert [answer.status_code for answer in answers] == [201, 503, 201, 200]
        assert answers[-1].json() == EMAIL
        await shop.assert_stored(before, after)
        statuses = [answer.status_code for answer in answers]
        record("primary made read-only, its connections kept open", "PostgreSQL", statuses, recovery)
