"""The operations of `AuthClient`, over every store."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, NoConnection, NoDatabase
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.session.still_clock import StillClock
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from auth import (
    Auth,
    AuthClient,
    AuthenticationError,
    AuthorizationError,
    AuthSettings,
    ConfigurationError,
    HookContext,
    HookError,
    Hooks,
    LastAccountError,
    NotFoundError,
    ReauthenticationError,
)
from proto import DBConnection

DAY = 24 * 3600
NO_SCOPES = SecurityScopes([])

over_databases = pytest.mark.parametrize("store_settings", ["sqlite_memory", "sqlite_file", "postgres"], indirect=True)


class Diary:
    """Hooks that write down for whom they ran, and break on demand."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.fails = False

    def hooks(self) -> Hooks:
        return Hooks(on_signout=self.write("signout"), on_delete=[self.write("delete"), self.around])

    def write(self, event: str) -> Any:
        async def hook(context: HookContext[Any]) -> None:
            self.lines.append(f"{event} {context.user.name}")
            if self.fails:
                raise RuntimeError

        return hook

    @asynccontextmanager
    async def around(self, context: HookContext[Any]) -> AsyncGenerator[None]:
        self.lines.append("before")
        yield
        self.lines.append("after")


@pytest.fixture
def diary() -> Diary:
    return Diary()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def auth(store: Store, diary: Diary, clock: StillClock) -> Auth[Any, Any, Any, Any]:
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    return Auth(settings=settings, adapter=store.adapter, db=store.database, hooks=diary.hooks(), clock=clock)


@pytest.fixture
async def db(store: Store) -> AsyncIterator[DBConnection]:
    if store.runtime is None:
        yield NoConnection()
        return
    async with store.runtime.session_maker() as session:
        yield session


@pytest.fixture
async def ada(store: Store, db: DBConnection) -> Any:
    return await store.adapter.create_user(db, "ada@example.org", "Ada", email_verified=True)


@pytest.fixture
async def bob(store: Store, db: DBConnection) -> Any:
    return await store.adapter.create_user(db, "bob@example.org", "Bob", email_verified=True)


def request(auth: Auth[Any, Any, Any, Any], session: Any) -> HTTPConnection:
    cookie = f"{auth.session_cookie_name}={auth.session_cookie(session)}"
    return HTTPConnection({"type": "http", "method": "GET", "headers": [(b"cookie", cookie.encode())]})


def anonymous() -> HTTPConnection:
    return HTTPConnection({"type": "http", "method": "GET", "headers": []})


async def test_the_client_says_who_is_calling(auth: Auth[Any, Any, Any, Any], db: DBConnection, ada: Any) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    client = auth.client(db)
    assert (await client.get_user(NO_SCOPES, request(auth, session))).id == ada.id
    assert (await client.get_session(request(auth, session))).id == session.id
    found = await client.find(request(auth, session))
    assert found is not None
    assert (found[0].id, found[1].id) == (session.id, ada.id)
    by_id = await client.get_user_from_session(session.id)
    assert by_id is not None
    assert by_id.id == ada.id


async def test_nobody_is_calling_without_a_session(auth: Auth[Any, Any, Any, Any], db: DBConnection, ada: Any) -> None:
    ended = await auth.sessions.create_session(db, ada.id)
    await auth.sessions.delete_session(db, ended.id)
    client = auth.client(db)
    for connection in (anonymous(), request(auth, ended), request(auth, uuid4())):
        assert await client.find(connection) is None
        for operation in (
            client.get_user(NO_SCOPES, connection),
            client.get_session(connection),
            client.require_fresh(connection, 60),
        ):
            with pytest.raises(AuthenticationError) as raised:
                await operation
            assert raised.value.code == "not_authenticated"
    assert await client.get_user_from_session(ended.id) is None


async def test_h05_every_scope_of_the_route_is_needed(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    await store.adapter.update_user(db, ada.id, scopes=["read", "write"])
    for scopes, allowed in ((["read"], True), (["read", "write"], True), (["read", "admin"], False), (["rea"], False)):
        client = auth.client(db)
        if allowed:
            assert (await client.get_user(SecurityScopes(scopes), request(auth, session))).id == ada.id
        else:
            with pytest.raises(AuthorizationError) as raised:
                await client.get_user(SecurityScopes(scopes), request(auth, session))
            assert raised.value.code == "insufficient_scope"


async def test_h06_a_scope_that_was_taken_away_is_gone_at_the_next_request(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    await store.adapter.update_user(db, ada.id, scopes=["admin"])
    await auth.client(db).get_user(SecurityScopes(["admin"]), request(auth, session))
    await store.update_user("ada@example.org", scopes=[])
    with pytest.raises(AuthorizationError):
        await auth.client(db).get_user(SecurityScopes(["admin"]), request(auth, session))


async def test_f06_a_user_who_is_not_active_is_nobody(store: Store, db: DBConnection, ada: Any) -> None:
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    auth = Auth(settings=settings, adapter=store.adapter, db=store.database, is_active=lambda user: user.name != "Ada")
    session = await auth.sessions.create_session(db, ada.id)
    assert await auth.client(db).find(request(auth, session)) is None
    assert await auth.client(db).get_user_from_session(session.id) is None
    await store.update_user("ada@example.org", name="Ada again")
    assert await auth.client(db).find(request(auth, session)) is not None


async def test_a_script_or_web_socket_notices_that_a_session_has_ended(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    cookie = f"{auth.session_cookie_name}={auth.session_cookie(session)}"
    socket = HTTPConnection({"type": "websocket", "headers": [(b"cookie", cookie.encode())]})
    clients = [auth.client(db), AuthClient(auth.client(db)._context, db, socket)]
    for client in clients:
        assert await client.find(socket) is not None
        assert await client.get_user_from_session(session.id) is not None
    await auth.sessions.delete_session(db, session.id)
    for client in clients:
        assert await client.find(socket) is None
        assert await client.get_user_from_session(session.id) is None


async def test_a_fresh_sign_in_is_one_of_the_last_seconds(
    auth: Auth[Any, Any, Any, Any], db: DBConnection, ada: Any, clock: StillClock
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    clock.now = session.created_at + timedelta(seconds=300)
    assert (await auth.client(db).require_fresh(request(auth, session), 300)).id == ada.id
    clock.advance(0.001)
    with pytest.raises(ReauthenticationError) as raised:
        await auth.client(db).require_fresh(request(auth, session), 300)
    assert raised.value.code == "reauthentication_required"


async def test_a_session_that_use_has_extended_is_no_fresher(
    auth: Auth[Any, Any, Any, Any], db: DBConnection, ada: Any, clock: StillClock
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    for _ in range(3):
        clock.advance(DAY)
        assert await auth.client(db).find(request(auth, session)) is not None
    with pytest.raises(ReauthenticationError):
        await auth.client(db).require_fresh(request(auth, session), 2 * DAY)


async def test_signing_out_ends_the_session_and_runs_the_hooks_once(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, diary: Diary
) -> None:
    session, other = [await auth.sessions.create_session(db, ada.id) for _ in range(2)]
    client = auth.client(db)
    assert await client.sign_out(session.id) is True
    assert await client.sign_out(session.id) is False
    assert await client.sign_out(uuid4()) is False
    assert diary.lines == ["signout Ada"]
    assert await client.find(request(auth, session)) is None
    assert await client.find(request(auth, other)) is not None
    assert (await store.count())["sessions"] == 1


async def test_signing_out_ends_an_expired_session_too(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, clock: StillClock
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    clock.advance(40 * DAY)
    assert await auth.client(db).sign_out(session.id) is True
    assert (await store.count())["sessions"] == 0


async def test_of_two_sign_outs_at_the_same_moment_one_runs_the_hooks(diary: Diary) -> None:
    class Raced(DictAdapter):
        """The other request is a moment earlier."""

        async def delete_session(self, db: DBConnection, session_id: UUID) -> bool:
            await super().delete_session(db, session_id)
            return False

    adapter, db = Raced(), NoConnection()
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    auth = Auth(settings=settings, adapter=adapter, db=NoDatabase(), hooks=diary.hooks())
    ada = await adapter.create_user(db, "ada@example.org", "Ada")
    session = await auth.sessions.create_session(db, ada.id)
    assert await auth.client(db).sign_out(session.id) is False
    assert diary.lines == []


async def test_i04_a_failing_sign_out_hook_changes_nothing(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, diary: Diary
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    diary.fails = True
    assert await auth.client(db).sign_out(session.id) is True
    assert (await store.count())["sessions"] == 0


async def test_deleting_a_user_takes_sessions_and_accounts_along_and_runs_the_hooks_around_it(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, diary: Diary
) -> None:
    bob = await store.adapter.create_user(db, "bob@example.org", "Bob")
    for user in (ada, bob):
        await auth.sessions.create_session(db, user.id)
        await store.adapter.create_account(db, user.id, "op", user.name)
    assert await auth.client(db).delete_user(ada) is True
    assert diary.lines == ["delete Ada", "before", "after"]
    assert await store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}
    assert await store.user("ada@example.org") is None
    assert await store.user("bob@example.org") is not None
    assert await auth.client(db).delete_user(ada) is False


async def test_i03_a_failing_delete_hook_keeps_the_user(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, diary: Diary
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    diary.fails = True
    with pytest.raises(HookError) as raised:
        await auth.client(db).delete_user(ada)
    assert isinstance(raised.value.__cause__, RuntimeError)
    assert await store.count() == {"users": 1, "accounts": 0, "sessions": 1, "states": 0}
    diary.fails = False
    assert await auth.client(db).get_user_from_session(session.id) is not None


@over_databases
async def test_i03_a_delete_hook_that_fails_after_the_deletion_undoes_it(
    store: Store, db: DBConnection, ada: Any
) -> None:
    @asynccontextmanager
    async def too_late(_context: HookContext[Any]) -> AsyncGenerator[None]:
        yield
        raise RuntimeError

    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    auth = Auth(settings=settings, adapter=store.adapter, db=store.database, hooks=Hooks(on_delete=too_late))
    await auth.sessions.create_session(db, ada.id)
    with pytest.raises(HookError):
        await auth.client(db).delete_user(ada)
    assert await store.count() == {"users": 1, "accounts": 0, "sessions": 1, "states": 0}


async def test_f05_rotating_a_session_makes_the_old_cookie_worthless(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    session = await auth.sessions.create_session(db, ada.id, ip_address="192.0.2.1", user_agent="a browser")
    old = request(auth, session)
    rotated = await auth.client(db).rotate_session(session)
    assert (rotated.user_id, rotated.ip_address, rotated.user_agent) == (ada.id, "192.0.2.1", "a browser")
    assert await auth.client(db).find(old) is None
    assert await auth.client(db).find(request(auth, rotated)) is not None
    assert (await store.count())["sessions"] == 1


async def test_f04_a_session_that_was_ended_meanwhile_does_not_come_back_by_rotation(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    session = await auth.sessions.create_session(db, ada.id)
    client = auth.client(db)
    assert await client.find(request(auth, session)) is not None
    await auth.sessions.delete_session(db, session.id)
    with pytest.raises(AuthenticationError):
        await client.rotate_session(session)
    assert (await store.count())["sessions"] == 0


@over_databases
async def test_f04_sessions_are_listed_and_ended(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, bob: Any
) -> None:
    sessions = [await auth.sessions.create_session(db, ada.id) for _ in range(4)]
    foreign = await auth.sessions.create_session(db, bob.id)
    client = auth.client(db)
    newest_first = [session.id for session in reversed(sessions)]
    assert [session.id for session in await client.list_sessions(ada)] == newest_first
    await client.revoke_session(ada, sessions[0].id)
    assert [session.id for session in await client.list_sessions(ada)] == newest_first[:-1]
    assert await client.revoke_sessions(ada, keep=sessions[3].id) == 2
    assert [session.id for session in await client.list_sessions(ada)] == [sessions[3].id]
    assert await client.revoke_sessions(ada) == 1
    assert await client.revoke_sessions(ada) == 0
    assert [session.id for session in await client.list_sessions(bob)] == [foreign.id]
    assert (await store.count())["sessions"] == 1


async def test_f10_a_session_of_somebody_else_is_not_found(
    auth: Auth[Any, Any, Any, Any], db: DBConnection, ada: Any, bob: Any
) -> None:
    own = await auth.sessions.create_session(db, ada.id)
    foreign = await auth.sessions.create_session(db, bob.id)
    client = auth.client(db)
    for session_id in (foreign.id, uuid4()):
        with pytest.raises(NotFoundError) as raised:
            await client.revoke_session(ada, session_id)
        assert raised.value.code == "not_found"
    assert await client.get_user_from_session(foreign.id) is not None
    await client.revoke_session(ada, own.id)
    assert await client.get_user_from_session(own.id) is None


@over_databases
async def test_g13_accounts_are_listed_and_unlinked_but_for_the_last(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any, bob: Any
) -> None:
    for provider in ("one", "two"):
        await store.adapter.create_account(db, ada.id, provider, "ada")
    await store.adapter.create_account(db, bob.id, "three", "bob")
    client = auth.client(db)
    assert [account.provider for account in await client.list_accounts(ada)] == ["one", "two"]
    for provider in ("three", "unknown", "", "ONE"):
        with pytest.raises(NotFoundError):
            await client.unlink_account(ada, provider)
    await client.unlink_account(ada, "one")
    with pytest.raises(NotFoundError):
        await client.unlink_account(ada, "one")
    with pytest.raises(LastAccountError) as raised:
        await client.unlink_account(ada, "two")
    assert raised.value.code == "last_account"
    assert [account.provider for account in await client.list_accounts(ada)] == ["two"]
    assert (await store.count())["accounts"] == 2


@pytest.mark.parametrize("store_settings", ["sqlite_file", "postgres"], indirect=True)
async def test_g13_of_two_parallel_unlinks_one_is_refused(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    for provider in ("one", "two"):
        await store.adapter.create_account(db, ada.id, provider, "ada")
    adapter: Any = store.adapter
    assert store.runtime is not None

    async def unlink_the_other() -> None:
        assert store.runtime is not None
        async with store.runtime.session_maker() as other:
            user = await store.adapter.get_user_by_id(other, ada.id)
            await auth.client(other).unlink_account(user, "two")

    async with adapter.transaction(db):
        await auth.client(db).unlink_account(ada, "one")
        parallel = asyncio.create_task(unlink_the_other())
        await asyncio.wait([parallel], timeout=0.3)
        assert not parallel.done(), "it waits for the first to be through"
    with pytest.raises(LastAccountError):
        await parallel
    assert (await store.count())["accounts"] == 1


@over_databases
async def test_unlinking_brings_back_no_older_word_on_whether_the_address_was_verified(
    auth: Auth[Any, Any, Any, Any], store: Store, db: DBConnection, ada: Any
) -> None:
    for provider in ("one", "two"):
        await store.adapter.create_account(db, ada.id, provider, "ada")
    await store.update_user("ada@example.org", email_verified=False)
    assert ada.email_verified is True, "the request has read the row before"
    await auth.client(db).unlink_account(ada, "one")
    assert (await store.user("ada@example.org")).email_verified is False


async def test_what_a_store_cannot_do_is_told_by_the_name_of_its_protocol() -> None:
    adapter, db = DictAdapter(), NoConnection()
    settings = AuthSettings.model_validate({"secret": "x" * 32, "base_url": "https://app.example"})
    client = Auth(settings=settings, adapter=adapter, db=NoDatabase()).client(db)
    ada = await adapter.create_user(db, "ada@example.org")
    for operation in (client.list_sessions(ada), client.revoke_sessions(ada)):
        with pytest.raises(ConfigurationError, match=r"the adapter does not implement proto\.UserSessionsProtocol"):
            await operation
    for operation in (client.list_accounts(ada), client.unlink_account(ada, "op")):
        with pytest.raises(ConfigurationError, match=r"the adapter does not implement proto\.UserAccountsProtocol"):
            await operation
