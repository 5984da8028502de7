"""More requests than connections, and clients that go away."""

import asyncio
import time
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from __tests__.faults.shop import EMAIL, Shop, assert_unavailable, open_shop, write_order
from fastapi import Depends, FastAPI, Request
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy import DatabaseRuntime, DatabaseSettings

NAMES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def pooled(settings: DatabaseSettings, size: int, timeout: float) -> DatabaseSettings:
    return settings.model_copy(update={"pool_size": size, "max_overflow": 0, "pool_timeout": timeout})


@pytest.fixture(params=["sqlite_file", "postgres"])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings:
    return request.getfixturevalue(f"{request.param}_settings")


async def test_who_waits_too_long_for_a_connection_gets_a_503_and_the_next_one_is_served(
    settings: DatabaseSettings, record: Any
) -> None:
    held, release = asyncio.Event(), asyncio.Event()

    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/hold/{order}", status_code=201)
        async def hold(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            held.set()
            await release.wait()
            await session.commit()

    async with open_shop(pooled(settings, 1, 0.3), routes) as shop, shop.browser() as browser:
        order = uuid4()
        holding = asyncio.create_task(browser.post(f"/hold/{order}"))
        await held.wait()
        start = time.monotonic()
        refused = await asyncio.gather(
            *(browser.get(path) for path in ("/user", "/identity", "/optional")), browser.post(f"/orders/{uuid4()}")
        )
        waited = time.monotonic() - start
        for answer in refused:
            assert_unavailable(answer)
        assert waited >= 0.3
        release.set()
        released = time.monotonic()
        assert (await holding).status_code == 201
        answers = [await browser.get(path) for path in ("/user", "/identity", "/optional")]
        recovery = time.monotonic() - released
        assert [answer.json() for answer in answers] == [EMAIL] * 3
        await shop.assert_stored(order)
        statuses = [answer.status_code for answer in (*refused, *answers)]
        note = f"the 503 after {waited:.1f} s, pool_timeout being 0.3 s"
        record("pool exhausted", NAMES[settings.type], [*statuses, 201], recovery, note)


async def test_two_hundred_requests_at_once_share_five_connections(settings: DatabaseSettings, record: Any) -> None:
    async with open_shop(pooled(settings, 5, 30)) as shop, shop.browser() as browser:
        most = 0

        def count(*_: object) -> None:
            nonlocal most
            most = max(most, shop.runtime.connections.in_use)

        event.listen(shop.runtime.engine.sync_engine, "checkout", count)
        orders = [uuid4() for _ in range(50)]
        start = time.monotonic()
        answers = await asyncio.gather(
            *(browser.get(path) for path in ("/user", "/identity", "/optional") for _ in range(50)),
            *(browser.post(f"/orders/{order}") for order in orders),
        )
        took = time.monotonic() - start
        assert [answer.status_code for answer in answers] == [200] * 150 + [201] * 50
        assert {answer.json() for answer in answers[:150]} == {EMAIL}
        assert most == 5
        await shop.assert_stored(*orders)
        note = f"all in {took:.1f} s"
        statuses = [answer.status_code for answer in answers]
        record("200 requests at once on 5 connections", NAMES[settings.type], statuses, note=note)


async def send_and_leave(shop: Shop, head: str, *, once: asyncio.Event | None = None, body: bytes = b"") -> None:
    """Send the beginning of a request, wait for the route to be in it, and close the connection."""
    host, _, port = shop.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    cookies = "; ".join(f"{name}={value}" for name, value in shop.cookies.items())
    writer.write(f"{head} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookies}\r\n".encode() + body)
    await writer.drain()
    if once is not None:
        await once.wait()
    writer.transport.abort()


async def test_a_client_that_goes_away_keeps_no_connection(settings: DatabaseSettings, record: Any) -> None:
    """The route goes on to its end; what it has not sent is dropped."""
    entered, proceed, uploading = asyncio.Event(), asyncio.Event(), asyncio.Event()

    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/hold/{order}", status_code=201)
        async def hold(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            entered.set()
            await proceed.wait()
            await session.commit()

        @app.post("/upload/{order}", status_code=201)
        async def upload(
            order: UUID, request: Request, session: Annotated[AsyncSession, Depends(runtime.dependency)]
        ) -> None:
            await write_order(session, order)
            uploading.set()
            await request.body()
            await session.commit()

    async with open_shop(pooled(settings, 1, 5), routes) as shop, shop.browser() as browser:
        order, unfinished = uuid4(), uuid4()
        await send_and_leave(shop, f"POST /hold/{order}", once=entered, body=b"Content-Length: 0\r\n\r\n")
        assert shop.runtime.connections.in_use == 1
        proceed.set()
        await shop.assert_settled()
        await send_and_leave(
            shop, f"POST /upload/{unfinished}", once=uploading, body=b"Content-Length: 100\r\n\r\nhalf of it"
        )
        await shop.assert_settled()
        answer = await browser.get("/user")
        assert answer.json() == EMAIL
        await shop.assert_stored(order)
        note = "what had all of its request was committed, what lacked a part was not"
        record("client gone in mid-request", NAMES[settings.type], [answer.status_code], note=note)


async def test_a_statement_that_takes_too_long_is_a_503(postgres_settings: DatabaseSettings, record: Any) -> None:
    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/slow/{order}", status_code=201)
        async def slow(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await write_order(session, order)
            await session.execute(text("SELECT pg_sleep(30)"))
            await session.commit()

    for name in ("statement_timeout", "command_timeout"):
        settings = pooled(postgres_settings, 1, 5).model_copy(update={name: 0.5})
        async with open_shop(settings, routes) as shop, shop.browser() as browser:
            stored = await shop.orders()
            refused = await browser.post(f"/slow/{uuid4()}")
            ended = time.monotonic()
            assert_unavailable(refused)
            order = uuid4()
            answers = [await browser.post(f"/orders/{order}"), await browser.get("/user")]
            recovery = time.monotonic() - ended
            assert [answer.status_code for answer in answers] == [201, 200]
            await shop.assert_stored(*stored, order)
            statuses = [refused.status_code, *(answer.status_code for answer in answers)]
            record(name.replace("_", " ") + " of 0.5 s", "PostgreSQL", statuses, recovery)
        async with settings.runtime as runtime, runtime.transaction() as session:
            await session.execute(text("TRUNCATE users CASCADE"))
