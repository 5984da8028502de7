"""Who is calling: the dependencies of `Auth` in an application's routes, over real HTTP, on every database."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from __tests__.auth.core.application import ERRORS, Application, served
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.hostile.statements import recorded
from examples.alchemy.auth_models import Session
from sqlalchemy import update

from auth.core.errors import ERRORS as TABLE
from auth.utils.clock import utc_now
from belgie.alchemy import DatabaseRuntime

ADA = "ada@example.org"
ROUTES = ["/user", "/session", "/optional", "/everything", "/admin", "/fresh", "/auth/session"]

over_databases = pytest.mark.parametrize("store_settings", ["sqlite_memory", "sqlite_file", "postgres"], indirect=True)


@pytest.fixture
async def application(store: Store) -> AsyncIterator[Application]:
    async with served(store.adapter, store.database) as application:
        yield application


@pytest.fixture
async def session(store: Store, application: Application) -> Any:
    """A session of Ada's."""
    async for db in store.database.dependency():
        ada = await store.adapter.create_user(db, ADA, "Ada")
        return await application.auth.sessions.create_session(db, ada.id)
    return None


@pytest.fixture
def runtime(store: Store) -> DatabaseRuntime:
    assert store.runtime is not None
    return store.runtime


async def test_the_dependencies_say_who_is_calling(application: Application, session: Any) -> None:
    async with application.browser(session) as browser:
        for path in ("/user", "/optional", "/fresh"):
            assert (await browser.get(path)).json() == ADA
        assert UUID((await browser.get("/session")).json()) == session.id
        assert (await browser.get("/client")).json() is True
        assert (await browser.get("/auth/session")).json()["user"]["email"] == ADA


async def test_nobody_is_told_that_a_sign_in_is_needed_and_the_optional_user_is_none(application: Application) -> None:
    async with application.browser() as browser:
        for path in ROUTES:
            answer = await browser.get(path)
            if path == "/optional":
                assert (answer.status_code, answer.json()) == (200, None)
            else:
                assert (answer.status_code, answer.json()) == (401, {"detail": "not_authenticated"})
                assert answer.headers["cache-control"] == "no-store"
        assert (await browser.get("/client")).json() is True


@over_databases
async def test_one_route_with_all_of_them_makes_one_select_over_one_connection(
    application: Application, runtime: DatabaseRuntime, session: Any
) -> None:
    async with application.browser(session) as browser:
        with recorded(runtime) as statements:
            answer = await browser.get("/everything")
    assert answer.json() == {"one connection": True, "one user": True, "one owner": True}
    assert len(statements.texts) == len(statements.starting("SELECT")) == 1
    assert statements.commits == 0


@over_databases
async def test_each_of_them_alone_makes_one_select_too_and_a_client_that_is_not_asked_none(
    application: Application, runtime: DatabaseRuntime, session: Any
) -> None:
    async with application.browser(session) as browser:
        for path in ("/user", "/session", "/optional", "/fresh", "/auth/session", "/client"):
            with recorded(runtime) as statements:
                assert (await browser.get(path)).status_code == 200
            assert len(statements.texts) == len(statements.starting("SELECT")) == (path != "/client"), path
            assert statements.commits == 0


@over_databases
async def test_a_due_session_is_written_once_in_a_request(
    application: Application, runtime: DatabaseRuntime, session: Any
) -> None:
    async with runtime.transaction() as db:
        await db.execute(update(Session).values(expires_at=utc_now() + timedelta(hours=1)))
    async with application.browser(session) as browser:
        for verbs, commits in ((["SELECT", "UPDATE"], 1), (["SELECT"], 0)):
            with recorded(runtime) as statements:
                assert (await browser.get("/everything")).json()["one owner"] is True
            assert [text.split()[0] for text in statements.texts] == verbs
            assert statements.commits == commits


def bad_cookies(application: Application, session: Any) -> dict[str, str]:
    """Cookies that are none of ours; each is the value of a `Cookie` header."""
    name, value = application.auth.session_cookie_name, application.auth.session_cookie(session)
    hexadecimal, _, signature = value.partition(".")
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return {
        "no cookie": "other=1",
        "empty": f"{name}=",
        "an id": f"{name}={session.id}",
        "an unsigned id": f"{name}={hexadecimal}",
        "another id": f"{name}={uuid4().hex}.{signature}",
        "a flipped character": f"{name}={hexadecimal}.{flipped}",
        "a truncated signature": f"{name}={value[:-1]}",
        "quotes": f'{name}="{value}"',
        "two of them": f"{name}={value}; {name}={value}",
        "10 kB": f"{name}={'a' * 10_000}",
        "not ASCII": f"{name}=\xe9{value}",
        "another name": f"{name}2={value}",
        "a header": "",
    }


@over_databases
async def test_e03_a_cookie_of_another_form_or_signature_costs_no_statement(
    application: Application, runtime: DatabaseRuntime, session: Any
) -> None:
    async with application.browser() as browser:
        for kind, cookie in bad_cookies(application, session).items():
            for path in ("/user", "/optional", "/everything", "/admin", "/auth/session"):
                with recorded(runtime) as statements:
                    answer = await browser.get(path, headers=[(b"Cookie", cookie.encode("latin-1"))])
                assert statements.texts == [], kind
                assert answer.status_code == (200 if path == "/optional" else 401), kind
                assert answer.json() == (None if path == "/optional" else {"detail": "not_authenticated"}), kind


@over_databases
async def test_a_good_cookie_of_a_session_that_is_no_more_costs_one_select(
    application: Application, runtime: DatabaseRuntime
) -> None:
    async with application.browser(uuid4()) as browser:
        with recorded(runtime) as statements:
            assert (await browser.get("/everything")).status_code == 401
    assert len(statements.texts) == len(statements.starting("SELECT")) == 1


async def test_e10_an_authorization_header_is_not_looked_at(application: Application, session: Any) -> None:
    async with application.browser() as stranger, application.browser(session) as ada:
        for authorization in ("Bearer", "Basic !!!", "x" * 10_000, f"Bearer {session.id}", ""):
            headers = {"Authorization": authorization}
            assert (await stranger.get("/user", headers=headers)).status_code == 401
            assert (await ada.get("/user", headers=headers)).json() == ADA


async def test_h05_a_scope_that_the_route_needs_must_be_held(
    application: Application, store: Store, session: Any
) -> None:
    cases = [
        (None, 403, 403),
        ([], 403, 403),
        (["read"], 403, 403),
        (["adm", "Admin", "admin:all", "read admin"], 403, 403),
        (["admin"], 200, 403),
        (["read", "admin"], 200, 200),
    ]
    async with application.browser(session) as browser:
        for scopes, admin, admin_reader in cases:
            await store.update_user(ADA, scopes=scopes)
            for path, status in (("/admin", admin), ("/admin-reader", admin_reader)):
                answer = await browser.get(path)
                assert answer.status_code == status, scopes
                assert answer.json() == (ADA if status == 200 else {"detail": "insufficient_scope"})


async def test_a_sign_in_that_is_too_long_ago_is_not_fresh(
    store: Store, application: Application, session: Any
) -> None:
    created = utc_now() - timedelta(seconds=61)
    if store.runtime is None:
        session.created_at = created
    else:
        async with store.runtime.transaction() as db:
            await db.execute(update(Session).values(created_at=created))
    async with application.browser(session) as browser:
        answer = await browser.get("/fresh")
        assert (answer.status_code, answer.json()) == (403, {"detail": "reauthentication_required"})
        assert (await browser.get("/user")).status_code == 200


async def test_a_route_of_the_applications_own_can_be_for_its_own_pages_only(application: Application) -> None:
    async with application.browser() as browser:
        assert (await browser.post("/change", headers={"Origin": application.url})).json() == "changed"
        assert (await browser.post("/change")).json() == "changed"
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            answer = await browser.post("/change", headers=headers)
            assert (answer.status_code, answer.json()) == (403, {"detail": "csrf"})


@pytest.mark.parametrize("store_settings", ["dictionaries", "sqlite_file"], indirect=True)
async def test_an_error_that_leaves_a_route_with_a_client_becomes_its_answer(application: Application) -> None:
    expected = {
        "belgie": "internal_error",
        "not-found": "not_found",
        "unknown-provider": "unknown_provider",
        "last-account": "last_account",
        "not-authenticated": "not_authenticated",
        "expired": "not_authenticated",
        "scope": "insufficient_scope",
        "hook": "hook_rejected",
        "state": "invalid_state",
        "unavailable": "storage_unavailable",
        "conflict": "internal_error",
        "invalid-value": "internal_error",
        "configuration": "internal_error",
    }
    assert expected.keys() == ERRORS.keys() - {"other"}
    async with application.browser() as browser:
        for name, code in expected.items():
            answer = await browser.get(f"/errors/{name}")
            assert (answer.status_code, answer.json()) == (TABLE[code].status, {"detail": code})
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers.get("retry-after") == ("5" if answer.status_code == 503 else None)


@pytest.mark.parametrize("store_settings", ["dictionaries", "sqlite_file"], indirect=True)
async def test_an_error_of_the_applications_own_stays_one(application: Application) -> None:
    async with application.browser() as browser:
        answer = await browser.get("/errors/other")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


@over_databases
async def test_every_connection_goes_back(application: Application, runtime: DatabaseRuntime, session: Any) -> None:
    pool: Any = runtime.engine.pool
    async with application.browser(session) as browser:
        for path in (*ROUTES, "/errors/other", "/errors/unavailable", "/nowhere"):
            await browser.get(path)
            assert pool.checkedout() == 0, path
