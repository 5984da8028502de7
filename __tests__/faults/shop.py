"""The application that the faults happen to: it knows who calls, and writes orders of two rows each."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

import httpx
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from examples.alchemy import auth_models
from fastapi import Depends, FastAPI
from sqlalchemy import ForeignKey, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from auth import Auth, AuthSettings
from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, DatabaseSettings
from proto import Identity

EMAIL = "ada@example.org"
LINES = 2
REQUEST_SECONDS = 30


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[UUID] = mapped_column(primary_key=True)


class Line(Base):
    """An order has two of them; one with fewer is half-written."""

    __tablename__ = "lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))


async def write_order(session: AsyncSession, order: UUID) -> None:
    """Three statements of one transaction, not committed."""
    session.add(Order(id=order))
    await session.flush()
    for _ in range(LINES):
        session.add(Line(order_id=order))
        await session.flush()


@dataclass
class Shop:
    """The application, served, and what it has stored."""

    runtime: DatabaseRuntime
    auth: Auth[Any, Any, Any, Any]
    app: FastAPI
    url: str = ""
    cookies: dict[str, str] = field(default_factory=dict[str, str])

    def browser(self) -> httpx.AsyncClient:
        """A browser that is signed in."""
        limits = httpx.Limits(max_connections=None)
        return httpx.AsyncClient(
            base_url=self.url, cookies=self.cookies, trust_env=False, timeout=REQUEST_SECONDS, limits=limits
        )

    async def orders(self) -> Counter[UUID]:
        """The stored orders, with how many lines each has."""
        async with self.runtime.session() as session:
            found = await session.execute(select(Order.id, Line.id).outerjoin(Line))
            counted = Counter[UUID]()
            for order, line in found:
                counted[order] += line is not None
            return counted

    async def assert_stored(self, *orders: UUID) -> None:
        """These orders are there, whole, and no others; nothing is checked out."""
        assert await self.orders() == dict.fromkeys(orders, LINES)
        await self.assert_settled()

    async def assert_settled(self) -> None:
        """Every connection is back in the pool, or will be at once: a request may end shortly after its answer."""
        async with asyncio.timeout(5):
            while self.runtime.connections.in_use:  # noqa: ASYNC110 - a pool has no event for it
                await asyncio.sleep(0.005)


def assert_unavailable(answer: httpx.Response) -> None:
    """The one answer that a client may get from a database that is not there."""
    assert (answer.status_code, answer.json()) == (503, {"detail": "storage_unavailable"}), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert "set-cookie" not in answer.headers


@asynccontextmanager
async def open_shop(
    settings: DatabaseSettings,
    routes: Callable[[FastAPI, DatabaseRuntime], None] | None = None,
) -> AsyncGenerator[Shop]:
    """Serve the application over an empty database, with a user who is signed in."""
    async with DatabaseRuntime(settings) as runtime:
        await runtime.create_all(auth_models.User.metadata)
        await runtime.create_all(Base.metadata)
        listener = listening_socket()
        shop = _shop(runtime, base_url(listener))
        if routes is not None:
            routes(shop.app, runtime)
        adapter = shop.auth.adapter
        async with runtime.session() as db:
            user = await adapter.create_user(db, EMAIL, email_verified=True)
            session = await shop.auth.sessions.create_session(db, user.id)
        shop.cookies = {shop.auth.session_cookie_name: shop.auth.session_cookie(session)}
        async with serving(shop.app, listener):
            yield shop


def _shop(runtime: DatabaseRuntime, url: str) -> Shop:
    adapter = AlchemyAdapter(
        user=auth_models.User,
        account=auth_models.Account,
        session=auth_models.Session,
        oauth_state=auth_models.OAuthState,
        db=runtime,
    )
    auth = Auth(
        settings=AuthSettings(secret="a secret for tests, long enough for everybody", base_url=url), adapter=adapter
    )
    app = FastAPI()
    app.include_router(auth.router)

    @app.get("/user")
    async def user(user: Annotated[Any, Depends(auth.user)]) -> str:
        return user.email

    @app.get("/identity")
    async def identity(identity: Annotated[Identity, Depends(auth.identity)]) -> str:
        return identity.email

    @app.get("/optional")
    async def optional(user: Annotated[Any, Depends(auth.optional_user)]) -> str | None:
        return None if user is None else user.email

    @app.post("/orders/{order}", status_code=201)
    async def add(order: UUID, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
        await write_order(session, order)
        await session.commit()

    return Shop(runtime, auth, app, url)
