"""A pooler that gives each transaction another connection of the server."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest
from __tests__.faults.load import under_load
from __tests__.faults.shop import EMAIL, open_shop

from belgie.alchemy import PostgresSettings


@pytest.fixture
async def settings(postgres_settings: PostgresSettings, pgbouncer: Any) -> PostgresSettings:
    """The settings of the database behind the pooler, which answers."""
    behind = postgres_settings.model_copy(update={"port": pgbouncer.port, "pool": "pgbouncer"})
    async with behind.runtime as runtime:
        await runtime.wait(15)
    return behind.model_copy()


async def test_forty_clients_share_two_connections_of_the_server(settings: PostgresSettings, record: Any) -> None:
    async with open_shop(settings) as shop, shop.browser() as browser:
        orders = [uuid4() for _ in range(40)]
        answers = await asyncio.gather(
            *(browser.get(path) for path in ("/user", "/identity", "/optional") for _ in range(20)),
            *(browser.post(f"/orders/{order}") for order in orders),
        )
        assert [answer.status_code for answer in answers] == [200] * 60 + [201] * 40
        assert {answer.json() for answer in answers[:60]} == {EMAIL}
        await shop.assert_stored(*orders)
        statuses = [answer.status_code for answer in answers]
        record("transaction pooler, 15 connections on 2", "PostgreSQL", statuses)


async def test_a_pooler_that_restarts_is_a_503_and_nothing_is_lost(
    settings: PostgresSettings, pgbouncer: Any, record: Any
) -> None:
    async with open_shop(settings) as shop:
        async with under_load(shop) as load:
            await load.until_each(fine=True)
            await asyncio.to_thread(pgbouncer.stop)
            await load.until_each(fine=False)
            pgbouncer.start()
            started = time.monotonic()
            await load.until_each(fine=True)
        statuses = [answer.status for answer in load.answers]
        record("transaction pooler restarted under load", "PostgreSQL", statuses, load.recovery(started))
