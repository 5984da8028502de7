"""Who is calling as a value: what it costs, what it says, and how long a cookie may say it instead."""

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import httpx
import pytest
from __tests__.auth.fixtures.dictionaries import NoConnection
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.hostile.statements import Statements, recorded
from fastapi import Depends, FastAPI, Security

from auth import Auth, AuthSettings, SessionSettings
from proto import Identity

SECRET = "a secret for tests, long enough for everybody"
EMAIL = "alice@example.com"


@dataclass
class Clock:
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Caller:
    """An application, and a browser that is signed in to it."""

    store: Store
    clock: Clock
    auth: Auth[Any, Any, Any, Any]
    client: httpx.AsyncClient
    session: Any

    async def who(self) -> httpx.Response:
        return await self.client.get("/who")

    async def in_database[T](self, work: Callable[[Any], Any]) -> Any:
        if self.store.runtime is None:
            return await work(NoConnection())
        async with self.store.runtime.session_maker() as db:
            return await work(db)


async def start(store: Store, clock: Clock, *, session: SessionSettings | None = None, **options: Any) -> Caller:
    auth = Auth(
        settings=AuthSettings(
            secret=SECRET,
            base_url="http://127.0.0.1:8000",
            session=session or SessionSettings(),
        ),
        adapter=store.adapter,
        db=None if store.runtime is not None else store.database,
        clock=clock,
        **options,
    )
    app = FastAPI()
    app.include_router(auth.router)

    @app.get("/who")
    async def who(identity: Annotated[Identity, Depends(auth.identity)]) -> dict[str, Any]:
        return {"id": str(identity.user_id), "email": identity.email, "scopes": identity.scopes}

    @app.get("/admin")
    async def admin(identity: Annotated[Identity, Security(auth.identity, scopes=["admin"])]) -> str:
        return identity.email

    @app.get("/me")
    async def me(user: Annotated[Any, Depends(auth.user)]) -> str:
        return user.email

    caller = Caller(store, clock, auth, _browser(app), None)

    async def begin(db: Any) -> Any:
        user = await store.adapter.create_user(db, EMAIL, "Alice", email_verified=True)
        return await auth.sessions.create_session(db, user.id)

    caller.session = await caller.in_database(begin)
    caller.client.cookies.set(auth.session_cookie_name, auth.session_cookie(caller.session), domain="127.0.0.1")
    return caller


def _browser(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def caller(store: Store, clock: Clock) -> AsyncIterator[Caller]:
    caller = await start(store, clock)
    async with caller.client:
        yield caller


@pytest.fixture
async def cached(store: Store, clock: Clock) -> AsyncIterator[Caller]:
    """The same with a cookie cache of a minute."""
    caller = await start(store, clock, session=SessionSettings(cookie_cache=60))
    async with caller.client:
        yield caller


async def test_the_identity_is_that_of_the_session(caller: Caller) -> None:
    await caller.store.update_user(EMAIL, scopes=["read"])

    who = (await caller.who()).json()

    assert who == {"id": str(caller.session.user_id), "email": EMAIL, "scopes": ["read"]}


async def test_a_scope_is_asked_of_the_identity_too(caller: Caller) -> None:
    assert (await caller.client.get("/admin")).json() == {"detail": "insufficient_scope"}
    await caller.store.update_user(EMAIL, scopes=["admin"])
    assert (await caller.client.get("/admin")).json() == EMAIL


async def test_without_a_session_nobody_is_calling(caller: Caller) -> None:
    await caller.in_database(lambda db: caller.store.adapter.delete_session(db, caller.session.id))
    assert (await caller.who()).status_code == 401
    caller.client.cookies.clear()
    assert (await caller.who()).json() == {"detail": "not_authenticated"}


async def test_an_expired_session_is_nobodys_and_goes(caller: Caller) -> None:
    caller.clock.now += timedelta(days=7)

    assert (await caller.who()).status_code == 401

    assert (await caller.store.count())["sessions"] == 0


async def test_a_session_in_use_is_extended_when_that_is_due(caller: Caller) -> None:
    before = caller.session.expires_at
    caller.clock.now += timedelta(days=1)

    assert (await caller.who()).status_code == 200

    session = await caller.in_database(lambda db: caller.store.adapter.get_session(db, caller.session.id))
    assert session.expires_at - before == timedelta(days=1)


async def test_who_may_not_be_active_is_asked_with_the_row(store: Store, clock: Clock) -> None:
    caller = await start(store, clock, is_active=lambda user: user.name != "Alice")
    async with caller.client:
        assert (await caller.who()).status_code == 401
        await store.update_user(EMAIL, name="Bob")
        assert (await caller.who()).status_code == 200


async def test_the_identity_does_not_show_the_address_in_its_repr(caller: Caller) -> None:
    identity = Identity(
        user_id=caller.session.user_id,
        email=EMAIL,
        email_verified=True,
        scopes=(),
        session_id=caller.session.id,
        created_at=clock_time(),
        expires_at=clock_time(),
    )
    assert EMAIL not in repr(identity)


def clock_time() -> datetime:
    return datetime.now(UTC)


async def test_the_cache_spares_the_store_the_question_for_a_minute(cached: Caller) -> None:
    first = await cached.who()
    assert "belgie_session_identity" in first.cookies
    await cached.in_database(lambda db: cached.store.adapter.delete_session(db, cached.session.id))

    cached.clock.now += timedelta(seconds=59)
    assert (await cached.who()).json() == first.json()
    assert (await cached.client.get("/me")).status_code == 401

    cached.clock.now += timedelta(seconds=1)
    assert (await cached.who()).status_code == 401


async def test_the_cache_says_nothing_beside_another_session_or_none(cached: Caller) -> None:
    await cached.who()
    other = await cached.in_database(lambda db: cached.auth.sessions.create_session(db, cached.session.user_id))
    await cached.in_database(lambda db: cached.store.adapter.delete_session(db, other.id))

    cached.client.cookies.set("belgie_session", cached.auth.session_cookie(other), domain="127.0.0.1")
    assert (await cached.who()).status_code == 401

    cached.client.cookies.delete("belgie_session")
    assert (await cached.who()).status_code == 401


async def test_the_cache_never_outlives_the_session(store: Store, clock: Clock) -> None:
    brief = SessionSettings(max_age=60, absolute_max_age=60, cookie_cache=3600)
    caller = await start(store, clock, session=brief)
    async with caller.client:
        assert (await caller.who()).status_code == 200
        clock.now += timedelta(seconds=61)
        assert (await caller.who()).status_code == 401


async def test_a_forged_cache_is_not_believed(cached: Caller) -> None:
    await cached.who()
    await cached.in_database(lambda db: cached.store.adapter.delete_session(db, cached.session.id))
    honest = cached.client.cookies["belgie_session_identity"]
    session = cached.client.cookies["belgie_session"]
    for index in range(0, len(honest), 7):
        forged = honest[:index] + ("A" if honest[index] != "A" else "B") + honest[index + 1 :]
        for name, value in (("belgie_session_identity", forged), ("belgie_session", session)):
            cached.client.cookies.set(name, value, domain="127.0.0.1")
        assert (await cached.who()).status_code == 401
    headers = {"cookie": f"belgie_session={session}; belgie_session_identity={session}"}
    cached.client.cookies.clear()
    assert (await cached.client.get("/who", headers=headers)).status_code == 401


async def test_sign_out_takes_the_cache_back(cached: Caller) -> None:
    await cached.who()
    await cached.client.post("/auth/signout")
    assert not cached.client.cookies


@pytest.fixture
def statements(caller: Caller) -> Iterator[Statements]:
    assert caller.store.runtime is not None
    with recorded(caller.store.runtime) as found:
        yield found


@pytest.mark.parametrize("store_settings", ["sqlite_file", "postgres"], indirect=True)
async def test_the_identity_costs_one_select_and_no_transaction(caller: Caller, statements: Statements) -> None:
    assert (await caller.who()).status_code == 200

    assert (len(statements.texts), len(statements.starting("SELECT")), statements.commits) == (1, 1, 0)
    assert caller.store.runtime is not None
    assert "checked out connections: 0" in caller.store.runtime.engine.pool.status().lower()


@pytest.mark.parametrize("store_settings", ["sqlite_file", "postgres"], indirect=True)
async def test_a_cookie_of_the_wrong_form_costs_nothing(caller: Caller, statements: Statements) -> None:
    for value in ("", "x", caller.session.id.hex, str(caller.session.id)):
        caller.client.cookies.set("belgie_session", value, domain="127.0.0.1")
        assert (await caller.who()).status_code == 401
    assert statements.texts == []
