"""`AuthClient.access_token` over every store: a valid token, renewed once, however many ask for it."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast
from uuid import UUID

import httpx
import pytest
from __tests__.auth.fixtures.dictionaries import DictAccount, DictAdapter, NoConnection, NoDatabase
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.waiting import until
from __tests__.auth.providers.fake import FakeProvider, Fixed, Seen
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import Depends, FastAPI
from sqlalchemy import event

from auth import Auth, AuthClient, AuthSettings, ConfigurationError, NotFoundError, OAuthError
from auth.core.tokens import _Held
from auth.providers import AuthorizationRequest, CodeExchange, OAuth2ProviderSettings, Profile, TokenSet
from auth.utils.vault import Vault
from belgie.alchemy import AlchemyAdapter, Base, DatabaseRuntime
from belgie.alchemy.settings import PostgresSettings, SqliteSettings

OLD, NEW = ("an old secret of the application, long enough", "a new secret of the application, long enough")
TOKENS = ("access_token", "refresh_token", "id_token")


@dataclass
class Application:
    """One process of an application, over a store that others may share."""

    store: Store
    server: FakeProvider
    clock: Clock
    options: dict[str, Any] = field(default_factory=dict)
    provider: Any = None

    def __post_init__(self) -> None:
        given: dict[str, Any] = {
            "secret": NEW,
            "provider_tokens": "encrypt",
            "base_url": "http://127.0.0.1:1",
            **self.options,
        }
        self.auth = Auth(
            settings=AuthSettings(**given),
            adapter=self.store.adapter,
            db=self.store.database,
            providers={"theirs": self.provider or settings(self.server)},
            clock=self.clock,
        )

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Any]:
        if self.store.runtime is None:
            yield NoConnection()
            return
        async with self.store.runtime.session_maker() as db:
            yield db

    async def access_token(self, provider: str = "theirs") -> str:
        """Ask as a request does: with a connection of its own."""
        async with self.connection() as db:
            user = await self.store.adapter.get_user_by_email(db, "jane@people.example")
            return await self.auth.client(db).access_token(user, provider)

    async def refused(self, provider: str = "theirs") -> str:
        with pytest.raises(OAuthError) as caught:
            await self.access_token(provider)
        return caught.value.code

    async def account(self) -> Any:
        async with self.connection() as db:
            user: Any = await self.store.adapter.get_user_by_email(db, "jane@people.example")
            return await self.store.adapter.get_account_by_user_and_provider(db, user.id, "theirs")

    async def opened(self) -> tuple[str | None, ...]:
        """The three tokens in the store, decrypted."""
        account, vault = await self.account(), Vault((NEW, OLD))
        place = (account.provider, account.provider_account_id)
        sealed = {name: getattr(account, name) for name in TOKENS}
        return tuple(None if one is None else vault.decrypt(one, name, *place) for name, one in sealed.items())

    async def holds(
        self,
        access_token: str | None = "first-access",
        refresh_token: str | None = "first-refresh",
        *,
        expires_in: float | None,
        secret: str = NEW,
    ) -> None:
        """Give Jane an account with these tokens."""
        vault, place = Vault((secret,)), ("theirs", "jane")
        fields: dict[str, Any] = {
            "access_token": access_token and vault.encrypt(access_token, "access_token", *place),
            "refresh_token": refresh_token and vault.encrypt(refresh_token, "refresh_token", *place),
            "expires_at": None if expires_in is None else self.clock() + timedelta(seconds=expires_in),
            "token_type": "bearer",
            "scope": "read",
        }
        async with self.connection() as db:
            user = await self.store.adapter.create_user(db, "jane@people.example", email_verified=True)
            await self.store.adapter.create_account(db, user.id, *place, **fields)


def settings(server: FakeProvider, **more: Any) -> OAuth2ProviderSettings:
    return OAuth2ProviderSettings(
        authorization_endpoint=f"{server.url}/authorize",
        token_endpoint=f"{server.url}/token",
        userinfo_endpoint=f"{server.url}/me",
        client_id="belgie",
        client_secret="s",
        **more,
    )


def answer(number: int, *, expires_in: float | None = 3600, rotates: bool = True) -> dict[str, Any]:
    tokens: dict[str, Any] = {"access_token": f"access-{number}", "token_type": "bearer"}
    if expires_in is not None:
        tokens["expires_in"] = expires_in
    return {**tokens, "refresh_token": f"refresh-{number}"} if rotates else tokens


@pytest.fixture
def application(store: Store, server: FakeProvider, clock: Clock) -> Application:
    server.reply("/token", answer(1))
    return Application(store, server, clock)


async def test_a_valid_token_is_given_as_it_is(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=3600)
    assert await application.access_token() == "first-access"
    assert not server.seen


async def test_a_token_whose_end_is_not_known_is_valid(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=None)
    application.clock.advance(10 * 365 * 86400)
    assert await application.access_token() == "first-access"
    assert not server.seen


@pytest.mark.parametrize(("seconds", "expected"), [(65, "first-access"), (55, "access-1"), (-1, "access-1")])
async def test_a_token_is_renewed_a_minute_before_its_end(
    application: Application, seconds: float, expected: str
) -> None:
    await application.holds(expires_in=seconds)
    assert await application.access_token() == expected


async def test_the_renewed_tokens_are_stored_encrypted_and_used_next(
    application: Application, server: FakeProvider
) -> None:
    await application.holds(expires_in=-1)
    assert await application.access_token() == "access-1"
    assert await application.access_token() == "access-1"
    assert server.request("/token").form["refresh_token"] == "first-refresh"
    account = await application.account()
    assert "access-1" not in account.access_token
    assert "refresh-1" not in account.refresh_token
    assert await application.opened() == ("access-1", "refresh-1", None)
    application.clock.advance(3600)
    server.reply("/token", answer(2))
    assert await application.access_token() == "access-2"
    assert server.requests("/token")[-1].form["refresh_token"] == "refresh-1"


async def test_what_the_provider_does_not_send_again_stays(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=-1)
    server.reply("/token", answer(1, rotates=False))
    assert await application.access_token() == "access-1"
    assert await application.opened() == ("access-1", "first-refresh", None)
    assert (await application.account()).scope == "read"


async def test_a_renewed_token_whose_end_is_not_known_is_not_renewed_again(
    application: Application, server: FakeProvider
) -> None:
    await application.holds(expires_in=-1)
    server.reply("/token", answer(1, expires_in=None))
    assert await application.access_token() == "access-1"
    assert await application.access_token() == "access-1"
    assert len(server.seen) == 1
    assert (await application.account()).expires_at is None


async def test_without_a_setting_there_are_no_tokens(store: Store, server: FakeProvider, clock: Clock) -> None:
    application = Application(store, server, clock, {"provider_tokens": "discard"})
    await application.holds(expires_in=3600)
    with pytest.raises(ConfigurationError, match="provider_tokens"):
        await application.access_token()


async def test_a_provider_or_account_that_is_not_there_is_not_found(application: Application) -> None:
    async with application.connection() as db:
        user = await application.store.adapter.create_user(db, "jane@people.example")
        client = application.auth.client(db)
        for provider, code in (("theirs", "not_found"), ("nobodys", "unknown_provider")):
            with pytest.raises(NotFoundError) as caught:
                await client.access_token(user, provider)
            assert caught.value.code == code


async def test_without_a_refresh_token_the_user_must_come_again(application: Application, server: FakeProvider) -> None:
    await application.holds(refresh_token=None, expires_in=-1)
    assert await application.refused() == "provider_token_expired"
    assert not server.seen


async def test_an_account_without_tokens_has_none(application: Application, server: FakeProvider) -> None:
    await application.holds(None, None, expires_in=None)
    assert await application.refused() == "provider_token_expired"
    assert not server.seen


class CannotRenew:
    """A provider of the application's own with just the four methods."""

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        return f"https://op.example/?state={request.state}"

    async def check_issuer(self, issuer: str | None) -> None:
        """Nothing is known."""

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        return TokenSet(access_token=exchange.code, token_type="bearer")

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        return Profile(provider_account_id=nonce)


async def test_a_provider_that_cannot_renew_need_not(store: Store, server: FakeProvider, clock: Clock) -> None:
    application = Application(store, server, clock, provider=CannotRenew())
    await application.holds(expires_in=120)
    assert await application.access_token() == "first-access"
    clock.advance(61)
    assert await application.refused() == "provider_token_expired"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": "invalid_grant"}, 400, "provider_token_expired"),
        ({"error": "bad_refresh_token"}, 200, "provider_token_expired"),
        ({"error": "invalid_client"}, 401, "provider_error"),
        (b"", 503, "provider_unavailable"),
        ({"token_type": "bearer"}, 200, "invalid_token_response"),
    ],
)
async def test_a_failed_renewal_changes_nothing(
    application: Application, server: FakeProvider, body: Any, status: int, code: str
) -> None:
    await application.holds(expires_in=-1)
    server.reply("/token", body, status)
    assert await application.refused() == code
    assert len(server.seen) == 1
    assert await application.opened() == ("first-access", "first-refresh", None)
    server.reply("/token", answer(1))
    assert await application.access_token() == "access-1"


async def test_many_at_once_renew_once(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=-1)
    server.replies["/token"] = (200, answer(1), 0.2)
    assert set(await asyncio.gather(*(application.access_token() for _ in range(20)))) == {"access-1"}
    assert len(server.seen) == 1


async def test_a_failure_is_not_what_the_next_one_gets(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=-1)
    replies = iter([(503, b"", 0.1), (200, answer(1), 0.1)])
    server.replies["/token"] = lambda _: next(replies)
    results = await asyncio.gather(*(application.access_token() for _ in range(3)), return_exceptions=True)
    assert sorted(getattr(one, "code", one) for one in cast("list[Any]", results)) == [
        "access-1",
        "access-1",
        "provider_unavailable",
    ]


def rotating(gate: threading.Event) -> Callable[[Seen], Fixed]:
    """A provider that takes each refresh token once; it gives tokens when the gate opens, and refuses at once."""
    current, number = "first-refresh", 0

    def reply(seen: Seen) -> Fixed:
        nonlocal current, number
        if seen.form["refresh_token"] != current:
            gate.set()
            return 400, {"error": "invalid_grant"}
        number += 1
        current = f"refresh-{number}"
        return 200, answer(number), gate

    return reply


async def test_of_two_processes_the_slower_one_takes_what_the_faster_one_got(
    application: Application, store: Store, server: FakeProvider, clock: Clock
) -> None:
    """The faster one's tokens are on their way when the slower one is refused."""
    await application.holds(expires_in=-1)
    server.replies["/token"] = rotating(threading.Event())
    other = Application(store, server, clock)
    assert set(await asyncio.gather(application.access_token(), other.access_token())) == {"access-1"}
    assert len(server.seen) == 2
    assert await application.opened() == ("access-1", "refresh-1", None)


async def test_a_process_that_comes_late_finds_the_new_tokens(
    application: Application, store: Store, server: FakeProvider, clock: Clock
) -> None:
    await application.holds(expires_in=-1)
    other = Application(store, server, clock)
    assert await application.access_token() == "access-1"
    assert await other.access_token() == "access-1"
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(7200, 3600, "access-1"), (3600, 7200, "access-2"), (3600, None, "access-2")],
    ids=["the-first-lives-longer", "the-second-lives-longer", "the-second-lives-for-ever"],
)
async def test_of_two_renewals_the_one_that_lives_longer_stays(
    *,
    application: Application,
    store: Store,
    server: FakeProvider,
    clock: Clock,
    first: float,
    second: float | None,
    kept: str,
) -> None:
    """A provider that gives tokens to both: the second one's answer comes when the first one's is stored."""
    await application.holds(expires_in=-1)
    gates = threading.Event(), threading.Event()
    replies = iter(
        [(200, answer(1, expires_in=first), gates[0]), (200, answer(2, expires_in=second), gates[1])],
    )
    server.replies["/token"] = lambda _: next(replies)
    early = asyncio.create_task(application.access_token())
    await until(lambda: len(server.seen) == 1)
    late = asyncio.create_task(Application(store, server, clock).access_token())
    await until(lambda: len(server.seen) == 2)
    gates[0].set()
    assert await early == "access-1"
    gates[1].set()
    assert await late == kept
    assert await application.opened() == (kept, kept.replace("access", "refresh"), None)


async def test_tokens_of_a_sign_in_meanwhile_are_not_overwritten_by_older_ones(
    application: Application, server: FakeProvider
) -> None:
    await application.holds(expires_in=-1)
    gate = threading.Event()
    server.replies["/token"] = (200, answer(1, expires_in=600), gate)
    renewal = asyncio.create_task(application.access_token())
    await until(lambda: server.seen)
    vault, place = Vault((NEW,)), ("theirs", "jane")
    async with application.connection() as db:
        user: Any = await application.store.adapter.get_user_by_email(db, "jane@people.example")
        await application.store.adapter.update_account(
            db,
            user.id,
            "theirs",
            access_token=vault.encrypt("of-the-sign-in", "access_token", *place),
            refresh_token=vault.encrypt("refresh-of-the-sign-in", "refresh_token", *place),
            expires_at=application.clock() + timedelta(hours=1),
        )
    gate.set()
    assert await renewal == "of-the-sign-in"
    assert await application.opened() == ("of-the-sign-in", "refresh-of-the-sign-in", None)


async def test_an_account_that_goes_meanwhile_does_not_come_back(
    application: Application, server: FakeProvider
) -> None:
    await application.holds(expires_in=-1)
    gate = threading.Event()
    server.replies["/token"] = (200, answer(1), gate)
    renewal = asyncio.create_task(application.access_token())
    await until(lambda: server.seen)
    async with application.connection() as db:
        user: Any = await application.store.adapter.get_user_by_email(db, "jane@people.example")
        assert await application.store.adapter.delete_user(db, user.id)
    gate.set()
    with pytest.raises(NotFoundError):
        await renewal
    assert (await application.store.count())["accounts"] == 0


async def test_who_is_cancelled_does_not_lose_the_new_refresh_token(
    application: Application, server: FakeProvider
) -> None:
    await application.holds(expires_in=-1)
    gate = threading.Event()
    server.replies["/token"] = (200, answer(1), gate)
    first = asyncio.create_task(application.access_token())
    await until(lambda: server.seen)
    second = asyncio.create_task(application.access_token())
    first.cancel()
    gate.set()
    assert await second == "access-1"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await application.opened() == ("access-1", "refresh-1", None)
    assert len(server.seen) == 1


async def test_secrets_can_be_replaced(store: Store, server: FakeProvider, clock: Clock) -> None:
    server.reply("/token", answer(1))
    both = Application(store, server, clock, {"secret": [NEW, OLD]})
    await both.holds(expires_in=120, secret=OLD)
    assert await both.access_token() == "first-access"
    only_new = Application(store, server, clock)
    assert await only_new.refused() == "provider_token_expired"
    clock.advance(61)
    assert await both.access_token() == "access-1"
    assert await only_new.access_token() == "access-1"


async def test_tokens_of_one_account_are_worth_nothing_in_another(application: Application) -> None:
    await application.holds(expires_in=3600)
    stolen = await application.account()
    async with application.connection() as db:
        adapter = application.store.adapter
        thief = await adapter.create_user(db, "thief@people.example")
        await adapter.create_account(
            db, thief.id, "theirs", "thief", access_token=stolen.access_token, refresh_token=stolen.refresh_token
        )
        with pytest.raises(OAuthError) as caught:
            await application.auth.client(db).access_token(thief, "theirs")
    assert caught.value.code == "provider_token_expired"


async def test_no_token_is_in_the_log(
    application: Application, server: FakeProvider, caplog: pytest.LogCaptureFixture
) -> None:
    await application.holds(expires_in=-1)
    with caplog.at_level(logging.DEBUG):
        await application.access_token()
        application.clock.advance(3600)
        server.reply("/token", {"error": "invalid_grant", "error_description": "refresh-1 is gone"}, 400)
        await application.refused()
    assert [record.message for record in caplog.records if record.name == "auth"] == ["renewal"]
    written = " ".join(str(vars(record)) for record in caplog.records)
    for token in ("first-access", "first-refresh", "access-1", "refresh-1"):
        assert token not in written


async def test_over_http_the_codes_are_those_of_the_table(application: Application, server: FakeProvider) -> None:
    await application.holds(expires_in=-1)
    listener = listening_socket()
    app, auth = FastAPI(), application.auth

    @app.get("/token")
    async def token(client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)]) -> str:
        user = await application.store.adapter.get_user_by_email(client.db, "jane@people.example")
        return await client.access_token(user, "theirs")

    async with serving(app, listener), httpx.AsyncClient(base_url=base_url(listener), trust_env=False) as http:
        server.reply("/token", {"error": "invalid_grant"}, 400)
        gone = await http.get("/token")
        assert (gone.status_code, gone.json()) == (403, {"detail": "provider_token_expired"})
        server.reply("/token", b"", 503)
        down = await http.get("/token")
        assert (down.status_code, down.json()) == (503, {"detail": "provider_unavailable"})
        server.reply("/token", answer(1))
        assert (await http.get("/token")).json() == "access-1"


async def test_a_valid_token_costs_one_statement_and_no_commit(
    sqlite_memory_settings: SqliteSettings, server: FakeProvider, clock: Clock
) -> None:
    async with DatabaseRuntime(sqlite_memory_settings) as runtime:
        await runtime.create_all(Base.metadata)
        adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
        application = Application(Store(adapter, runtime, runtime), server, clock)
        await application.holds(expires_in=3600)
        done: list[str] = []
        async with application.connection() as db:
            user: Any = await adapter.get_user_by_email(db, "jane@people.example")
            engine = runtime.engine.sync_engine
            event.listen(engine, "before_cursor_execute", lambda *args: done.append(args[2].split()[0]))
            event.listen(engine, "commit", lambda *_: done.append("COMMIT"))
            assert await application.auth.client(db).access_token(user, "theirs") == "first-access"
        assert done == ["SELECT"]


class CountingAdapter(DictAdapter):
    """Counts how often an account is looked at."""

    looks = 0

    async def get_account_by_user_and_provider(self, db: Any, user_id: UUID, provider: str) -> DictAccount | None:
        self.looks += 1
        return await super().get_account_by_user_and_provider(db, user_id, provider)


@pytest.mark.parametrize(
    ("body", "status", "looks"),
    [({"error": "invalid_grant"}, 400, 6), (b"", 503, 3), ({"error": "invalid_client"}, 401, 3)],
)
async def test_nobody_waits_for_another_process_unless_that_may_have_been_faster(
    server: FakeProvider, clock: Clock, body: Any, status: int, looks: int
) -> None:
    adapter = CountingAdapter()
    application = Application(Store(adapter, NoDatabase()), server, clock)
    await application.holds(expires_in=-1)
    server.reply("/token", body, status)
    await application.refused()
    assert adapter.looks == looks


def test_tokens_in_hand_do_not_show() -> None:
    held = _Held(access_token="a-hidden", refresh_token="r-hidden", expires_at=datetime.now(UTC))
    assert "hidden" not in repr(held)


async def test_nobody_waits_for_a_provider_with_a_connection_in_hand(
    postgres_settings: PostgresSettings, server: FakeProvider, clock: Clock
) -> None:
    narrow = postgres_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 2.0})
    async with DatabaseRuntime(narrow) as runtime:
        await runtime.create_all(Base.metadata)
        adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
        application = Application(Store(adapter, runtime, runtime), server, clock)
        await application.holds(expires_in=-1)
        out: list[int] = []

        def reply(_: Seen) -> Fixed:
            pool: Any = runtime.engine.pool
            out.append(pool.checkedout())
            return 200, answer(1), 0.5

        server.replies["/token"] = reply
        assert set(await asyncio.gather(*(application.access_token() for _ in range(8)))) == {"access-1"}
        assert out == [0]


@pytest.mark.parametrize("naive", [False, True])
async def test_a_store_may_give_moments_without_a_zone(server: FakeProvider, clock: Clock, naive: bool) -> None:
    adapter = DictAdapter()
    application = Application(Store(adapter, NoDatabase()), server, clock)
    server.reply("/token", answer(1))
    await application.holds(expires_in=61)
    (account,) = adapter.accounts.values()
    assert isinstance(account.expires_at, datetime)
    if naive:
        account.expires_at = account.expires_at.replace(tzinfo=None)
    assert await application.access_token() == "first-access"
    clock.advance(2)
    assert await application.access_token() == "access-1"
