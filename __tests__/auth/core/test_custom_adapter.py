"""An adapter with the seventeen methods and nothing else serves the routes that it can."""

from collections.abc import AsyncIterator

import pytest
from __tests__.auth.core.application import Application, served
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictSession, NoConnection, NoDatabase

from proto import (
    AccountUserProtocol,
    AdapterProtocol,
    OAuthStateCleanupProtocol,
    SessionExtensionProtocol,
    SessionUserProtocol,
    TransactionProtocol,
    UserAccountsProtocol,
    UserSessionsProtocol,
)

ADA = "ada@example.org"


@pytest.fixture
def adapter() -> DictAdapter:
    return DictAdapter()


@pytest.fixture
async def application(adapter: DictAdapter) -> AsyncIterator[Application]:
    async with served(adapter, NoDatabase()) as application:
        yield application


@pytest.fixture
async def session(adapter: DictAdapter, application: Application) -> DictSession:
    ada = await adapter.create_user(NoConnection(), ADA, "Ada")
    return await application.auth.sessions.create_session(NoConnection(), ada.id)


def test_it_offers_none_of_the_optional_protocols(adapter: DictAdapter) -> None:
    assert isinstance(adapter, AdapterProtocol)
    optional = (
        AccountUserProtocol,
        OAuthStateCleanupProtocol,
        SessionExtensionProtocol,
        SessionUserProtocol,
        TransactionProtocol,
        UserAccountsProtocol,
        UserSessionsProtocol,
    )
    assert not any(isinstance(adapter, protocol) for protocol in optional)


async def test_it_says_who_is_signed_in_and_signs_out(
    application: Application, adapter: DictAdapter, session: DictSession
) -> None:
    async with application.browser(session) as browser:
        for path in ("/user", "/optional", "/fresh"):
            assert (await browser.get(path)).json() == ADA
        who = (await browser.get("/auth/session")).json()
        assert (who["user"]["email"], who["session"]["id"]) == (ADA, str(session.id))
        answer = await browser.post("/auth/signout", headers={"Origin": application.url})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert (await browser.get("/user")).status_code == 401
    assert adapter.sessions == {}


async def test_a_saved_cookie_is_worthless_after_the_sign_out(application: Application, session: DictSession) -> None:
    async with application.browser(session) as browser, application.browser(session) as saved:
        await browser.post("/auth/signout")
        assert (await saved.get("/user")).status_code == 401
        assert (await saved.get("/optional")).json() is None


async def test_what_it_cannot_do_has_no_route(application: Application, session: DictSession) -> None:
    async with application.browser(session) as browser:
        for method, path in (
            ("GET", "/auth/sessions"),
            ("DELETE", "/auth/sessions"),
            ("DELETE", f"/auth/sessions/{session.id}"),
            ("GET", "/auth/accounts"),
            ("DELETE", "/auth/accounts/op"),
        ):
            answer = await browser.request(method, path)
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not Found"})
        assert (await browser.get("/user")).json() == ADA
