"""The application under test: FastAPI and Auth with production defaults, behind a real server."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from __tests__.auth.hostile.application import make_application
from __tests__.auth.hostile.browser import Browser, Exchange
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.outcomes import ERROR_PAGE, assert_ok
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.tls import Authority
from __tests__.auth.hostile.world import World
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import FastAPI
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.pool import QueuePool
from starlette.types import Receive, Scope, Send

from auth import (
    Auth,
    AuthSettings,
    CookieSettings,
    Hooks,
    LinkingPolicy,
    OIDCProviderSettings,
    SessionSettings,
    URLSettings,
)
from belgie.alchemy import AlchemyAdapter, Base, DatabaseRuntime, DatabaseSettings

type Launch = Callable[..., Awaitable[Site]]
"""What the `launch` fixture is: start an application that differs from the defaults."""

TLS_HOST = "127.1"
"""A name of loopback that is not one of those for which plain http would do."""

SECRET = "canary-application-secret-0123456789-abcdefghij"
OTHER_SECRET = "canary-another-deployments-secret-0123456789-ab"


class Counts(NamedTuple):
    users: int
    accounts: int
    sessions: int


class Mount:
    """The server's application, which each test replaces by its own."""

    def __init__(self) -> None:
        self.current: FastAPI | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.current is not None, "no application is mounted"
        await self.current(scope, receive, send)


@dataclass
class Stage:
    """The servers of a test run, started once."""

    inside: World
    outside: World
    clock: Clock
    mount: Mount
    port: int
    op: HostileProvider
    evil: HostileProvider
    canary: HostileProvider
    secure: HostileProvider
    authority: Authority

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def providers(self) -> tuple[HostileProvider, ...]:
        return self.op, self.evil, self.canary, self.secure

    def reset(self) -> None:
        self.clock.reset()
        for provider in self.providers:
            provider.reset()

    @classmethod
    def start(cls, folder: Path) -> "Stage":
        """Start all servers; certificates are written into the folder."""
        inside, outside, clock, mount = World("inside"), World("outside"), Clock(), Mount()
        op, evil, canary, secure = (HostileProvider(name, clock) for name in ("op", "evil", "canary", "secure"))
        for provider in (op, evil, canary):
            provider.serve(outside)
        authority = Authority.new(folder)
        secure.serve(outside, certificate=authority.certify("secure", name=TLS_HOST), host=TLS_HOST)
        return cls(inside, outside, clock, mount, inside.serve(mount), op, evil, canary, secure, authority)

    def stop(self) -> None:
        self.inside.stop()
        self.outside.stop()


@dataclass
class Site:
    """One application of a test, its database, and the browsers that visit it."""

    stage: Stage
    runtime: DatabaseRuntime
    auth: Auth[User, Account, Session, OAuthState]
    adapter: AlchemyAdapter[User, Account, Session, OAuthState]
    app: FastAPI
    exchanges: list[Exchange] = field(default_factory=list)
    browsers: list[Browser] = field(default_factory=list)
    client: httpx.AsyncClient | None = None

    def browser(self, user: Mapping[str, Any] | None = None) -> Browser:
        """A new browser with an empty jar, whose owner is `user` at every provider."""
        assert self.client is not None
        browser = Browser(self.stage.base_url, self.stage.clock, self.client, self.exchanges, user)
        self.browsers.append(browser)
        return browser

    async def signed_in(self, name: str = "alice", provider: str = "op", /, **claims: object) -> Browser:
        """A new browser in which this person has just signed in."""
        browser = self.browser(person(name, **claims))
        assert_ok(await browser.sign_in(provider))
        return browser

    def mount(self) -> None:
        self.stage.mount.current = self.app

    async def counts(self) -> Counts:
        async def count() -> Counts:
            async with self.runtime.session_maker() as db:
                numbers = [(await db.scalar(select(func.count()).select_from(model))) or 0 for model in _MODELS]
            return Counts(*numbers)

        return await self.stage.inside.run(count())

    async def states(self) -> int:
        return len(await self.rows(OAuthState))

    async def rows[Row](self, model: type[Row]) -> Sequence[Row]:
        async def fetch() -> Sequence[Row]:
            async with self.runtime.session_maker() as db:
                return (await db.scalars(select(model))).all()

        return await self.stage.inside.run(fetch())

    async def change(self, model: type[Base], **values: object) -> None:
        """Set columns of all rows behind the application's back."""

        async def execute() -> None:
            async with self.runtime.engine.begin() as connection:
                await connection.execute(update(model).values(values))

        await self.stage.inside.run(execute())

    async def sql(self, statement: str, **parameters: object) -> None:
        """Change something behind the application's back."""

        async def execute() -> None:
            async with self.runtime.engine.begin() as connection:
                await connection.execute(text(statement), parameters)

        await self.stage.inside.run(execute())

    async def dump(self) -> list[str]:
        """Every cell of every table, as text: what a thief of the database holds."""

        async def read() -> list[str]:
            async with self.runtime.engine.connect() as connection:
                tables = [await connection.execute(select(table)) for table in Base.metadata.sorted_tables]
                return [str(cell) for rows in tables for row in rows for cell in row if cell is not None]

        return await self.stage.inside.run(read())

    async def checked_out(self, patience: float = 3) -> int:
        """Connections out of the pool, once those on their way back had time to arrive."""
        deadline = time.monotonic() + patience
        while (out := _checked_out(self.runtime)) and time.monotonic() < deadline:  # noqa: ASYNC110 - a pool has no event
            await asyncio.sleep(0.02)
        return out

    async def close(self) -> None:
        await self.stage.inside.run(self.runtime.dispose())


def _checked_out(runtime: DatabaseRuntime) -> int:
    pool = runtime.engine.pool
    assert isinstance(pool, QueuePool), type(pool)
    return pool.checkedout()


_MODELS = (User, Account, Session)


async def empty(runtime: DatabaseRuntime) -> None:
    """Make the tables if they are missing, and take every row out of them."""
    async with runtime.engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        for table in reversed(Base.metadata.sorted_tables):
            await connection.execute(delete(table))


def build(
    stage: Stage,
    database: DatabaseSettings,
    *,
    base_url: str | None = None,
    secret: str | Sequence[str] = SECRET,
    providers: Mapping[str, Any] | None = None,
    provider_options: Mapping[str, Any] | None = None,
    urls: Mapping[str, Any] | None = None,
    session: Mapping[str, Any] | None = None,
    cookie: Mapping[str, Any] | None = None,
    hooks: Hooks | None = None,
    linking: LinkingPolicy | None = None,
    is_active: Callable[[User], bool] | None = None,
    **settings: Any,
) -> Site:
    """An application with production defaults, but for what is given; not mounted yet."""
    runtime = DatabaseRuntime(database.model_copy())
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
    chosen = providers if providers is not None else {"op": stage.op, "evil": stage.evil}
    configured = {
        name: _oidc(provider, provider_options) if isinstance(provider, HostileProvider) else provider
        for name, provider in chosen.items()
    }
    addresses: dict[str, Any] = {"error_redirect": ERROR_PAGE, **(urls or {})}
    auth = Auth(
        settings=AuthSettings(
            secret=secret,
            base_url=base_url or stage.base_url,
            urls=URLSettings(**addresses),
            session=SessionSettings(**(session or {})),
            cookie=CookieSettings(**(cookie or {})),
            **settings,
        ),
        adapter=adapter,
        providers=configured,
        hooks=hooks,
        linking=linking,
        is_active=is_active,
        clock=stage.clock,
    )
    return Site(stage, runtime, auth, adapter, make_application(auth))


def _oidc(provider: HostileProvider, options: Mapping[str, Any] | None) -> OIDCProviderSettings:
    return OIDCProviderSettings(
        issuer=provider.issuer,
        client_id=provider.client_id,
        client_secret=provider.client_secret,
        **(options or {}),
    )
