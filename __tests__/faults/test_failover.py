"""The primary crashes, and the standby takes its place on another port."""

import asyncio
import os
import signal
import time
from typing import Any

import asyncpg
from __tests__.faults.load import under_load
from __tests__.faults.shop import open_shop

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
