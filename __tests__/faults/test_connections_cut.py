"""Connections that a proxy or a firewall cuts while nobody uses them."""

import asyncio
import time
from typing import Any
from uuid import uuid4

from __tests__.faults.relay import relaying
from __tests__.faults.shop import EMAIL, assert_unavailable, open_shop

from belgie.alchemy import PostgresSettings

READS = ("/user", "/identity", "/optional")


async def test_a_connection_that_answers_is_kept(postgres_settings: PostgresSettings) -> None:
    async with relaying(postgres_settings.port) as relay:
        settings = postgres_settings.model_copy(update={"port": relay.port})
        async with open_shop(settings) as shop, shop.browser() as browser:
            made = relay.connections
            for _ in range(5):
                assert (await browser.get("/user")).json() == EMAIL
                await shop.assert_settled()
            assert relay.connections == made == 1


async def test_idle_connections_that_were_cut_fail_nobody(postgres_settings: PostgresSettings, record: Any) -> None:
    async with relaying(postgres_settings.port) as relay:
        settings = postgres_settings.model_copy(update={"port": relay.port})
        async with open_shop(settings) as shop, shop.browser() as browser:
            await asyncio.gather(*(browser.get("/user") for _ in range(20)))
            await shop.assert_settled()
            idle = shop.runtime.connections.idle
            assert idle > 1
            assert relay.cut() == idle
            cut = time.monotonic()
            order = uuid4()
            answers = await asyncio.gather(*(browser.get(path) for path in READS * 5), browser.post(f"/orders/{order}"))
            assert [answer.status_code for answer in answers] == [200] * 15 + [201]
            assert {answer.json() for answer in answers[:-1]} == {EMAIL}
            await shop.assert_stored(order)
            statuses = [answer.status_code for answer in answers]
            record("idle connections cut", "PostgreSQL", statuses, time.monotonic() - cut)


async def test_without_the_ping_the_first_request_gets_a_503_and_the_next_ones_are_served(
    postgres_settings: PostgresSettings, record: Any
) -> None:
    async with relaying(postgres_settings.port) as relay:
        settings = postgres_settings.model_copy(update={"port": relay.port, "pool_pre_ping": False})
        async with open_shop(settings) as shop, shop.browser() as browser:
            await asyncio.gather(*(browser.get("/user") for _ in range(20)))
            await shop.assert_settled()
            relay.cut()
            cut = time.monotonic()
            answers = [await browser.get("/user")]
            assert_unavailable(answers[0])
            order = uuid4()
            answers += [await browser.get(path) for path in READS] + [await browser.post(f"/orders/{order}")]
            recovery = time.monotonic() - cut
            assert [answer.status_code for answer in answers[1:]] == [200, 200, 200, 201]
            await shop.assert_stored(order)
            statuses = [answer.status_code for answer in answers]
            record("the same with `pool_pre_ping` off", "PostgreSQL", statuses, recovery)


async def test_idle_connections_that_a_firewall_forgot_fail_nobody(
    postgres_settings: PostgresSettings, record: Any
) -> None:
    """Nothing tells that they are dead but the silence: the ping has a time limit."""
    async with relaying(postgres_settings.port) as relay:
        settings = postgres_settings.model_copy(update={"port": relay.port, "connect_timeout": 0.5})
        async with open_shop(settings) as shop, shop.browser() as browser:
            await asyncio.gather(*(browser.get("/user") for _ in range(20)))
            await shop.assert_settled()
            await asyncio.sleep(0.2)  # what was in use just now is not asked
            assert relay.forget() == shop.runtime.connections.idle > 1
            forgotten = time.monotonic()
            order = uuid4()
            answers = await asyncio.gather(*(browser.get(path) for path in READS * 5), browser.post(f"/orders/{order}"))
            recovery = time.monotonic() - forgotten
            assert [answer.status_code for answer in answers] == [200] * 15 + [201]
            assert {answer.json() for answer in answers[:-1]} == {EMAIL}
            await shop.assert_stored(order)
            statuses = [answer.status_code for answer in answers]
            note = "connect_timeout being 0.5 s"
            record("idle connections forgotten without a word", "PostgreSQL", statuses, recovery, note)
