"""A commit that fails is never told as a success."""

import asyncio
from typing import Annotated, Any
from uuid import UUID, uuid4

import pytest
from __tests__.faults.relay import relaying
from __tests__.faults.shop import Order, assert_unavailable, open_shop, write_order
from fastapi import Depends, FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy import DatabaseRuntime, PostgresSettings


def on_port(settings: PostgresSettings, port: int, **values: Any) -> PostgresSettings:
    return settings.model_copy(update={"port": port, **values})


@pytest.mark.parametrize("reached", [False, True], ids=["before", "after"])
async def test_a_connection_that_is_lost_with_the_commit_is_a_503(
    postgres_settings: PostgresSettings, record: Any, *, reached: bool
) -> None:
    """Whether the server has done it, nobody can tell the client: it is whole, or not there."""
    async with (
        relaying(postgres_settings.port) as relay,
        open_shop(on_port(postgres_settings, relay.port)) as shop,
        shop.browser() as browser,
    ):
        order, following = uuid4(), uuid4()
        if reached:
            relay.cut_after = b"COMMIT"
        else:
            relay.cut_before = b"COMMIT"
        answers = [await browser.post(f"/orders/{order}")]
        assert_unavailable(answers[0])
        answers += [await browser.post(f"/orders/{following}"), await browser.get("/user")]
        assert [answer.status_code for answer in answers[1:]] == [201, 200]
        await shop.assert_stored(*([order] if reached else []), following)
        note = "the order was saved, which nobody can know" if reached else "the order was not saved"
        moment = "after" if reached else "before"
        statuses = [answer.status_code for answer in answers]
        record(f"connection cut {moment} the commit reached the server", "PostgreSQL", statuses, note=note)


async def test_a_constraint_that_fails_at_the_commit_is_no_success(postgres_settings: PostgresSettings) -> None:
    async with open_shop(postgres_settings) as shop, shop.browser() as browser:
        async with shop.runtime.transaction() as session:
            await session.execute(text("CREATE TABLE allowed (id uuid PRIMARY KEY)"))
            await session.execute(
                text("ALTER TABLE orders ADD FOREIGN KEY (id) REFERENCES allowed DEFERRABLE INITIALLY DEFERRED")
            )
        assert (await browser.post(f"/orders/{uuid4()}")).status_code == 500
        await shop.assert_stored()


async def test_a_serialization_failure_is_a_503_and_the_next_try_works(
    postgres_settings: PostgresSettings, record: Any
) -> None:
    together = asyncio.Barrier(2)

    def routes(app: FastAPI, runtime: DatabaseRuntime) -> None:
        @app.post("/counted/{order}", status_code=201)
        async def counted(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            """What is written depends on what the other reads, and so for the other."""
            await session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
            assert await session.scalar(select(func.count()).select_from(Order)) == 0
            await together.wait()
            await write_order(session, order)
            await together.wait()
            await session.commit()

    async with open_shop(postgres_settings, routes) as shop, shop.browser() as browser:
        orders = uuid4(), uuid4()
        answers = await asyncio.gather(*(browser.post(f"/counted/{order}") for order in orders))
        assert sorted(answer.status_code for answer in answers) == [201, 503]
        kept, refused = orders if answers[0].status_code == 201 else reversed(orders)
        assert_unavailable(next(answer for answer in answers if answer.status_code == 503))
        await shop.assert_stored(kept)
        again = await browser.post(f"/orders/{refused}")
        assert again.status_code == 201
        await shop.assert_stored(kept, refused)
        record("serialization failure", "PostgreSQL", [answer.status_code for answer in (*answers, again)])
