"""Sign-in through a provider that the OpenID Foundation certified, with PKCE required on its side."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from __tests__.auth.fixtures.stores import Store
from fastapi import Depends, FastAPI

from auth import Auth, AuthSettings, OIDCProviderSettings

CLIENT_SECRET = "a client's secret/with+signs and blanks"


pytestmark = pytest.mark.parametrize("store_settings", ["sqlite_file", "postgres"], indirect=True)


@dataclass
class Running:
    url: str
    store: Store

    async def sign_in(self, browser: httpx.AsyncClient, person: str) -> httpx.Response:
        """Follow every redirect, as a browser does, until the application has answered the callback."""
        answer = await browser.get(f"{self.url}/auth/provider/certified/signin?redirect_url=/me")
        while not urlsplit(str(answer.url)).path.endswith("/callback"):
            assert answer.is_redirect, answer.text
            target = urljoin(str(answer.url), answer.headers["location"])
            answer = await browser.get(target, headers={"x-person": person})
        return answer


@pytest.fixture
async def running(store: Store, certified_provider: Callable[[str], str]) -> AsyncIterator[Running]:
    listener = listening_socket()
    url = base_url(listener)
    issuer = certified_provider(f"{url}/auth/provider/certified/callback")
    settings = OIDCProviderSettings(
        issuer=issuer,
        client_id="belgie",
        client_secret=CLIENT_SECRET,
        require_pkce=True,
    )
    auth = Auth(
        settings=AuthSettings(secret="a secret for tests, long enough for everybody", base_url=url),
        adapter=store.adapter,
        db=store.database,
        providers={"certified": settings},
    )
    app = FastAPI()
    app.include_router(auth.router)

    @app.get("/me")
    async def me(user: Annotated[Any, Depends(auth.user)]) -> dict[str, Any]:
        return {"email": user.email, "verified": user.email_verified, "name": user.name}

    async with serving(app, listener):
        yield Running(url, store)


async def test_a_person_signs_in_twice_as_the_same_user(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as browser:
        for _ in range(2):
            arrived = await running.sign_in(browser, "alice")
            assert (arrived.status_code, arrived.headers.get("location")) == (303, "/me"), arrived.text
        me = await browser.get(f"{running.url}/me")
    assert me.json() == {"email": "alice@example.com", "verified": True, "name": "Alice"}
    assert await running.store.count() == {"users": 1, "accounts": 1, "sessions": 1, "states": 0}


async def test_an_unverified_address_stays_unverified(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as browser:
        await running.sign_in(browser, "bob")
        me = await browser.get(f"{running.url}/me")
    assert me.json()["verified"] is False


async def test_a_refusal_is_told_as_one(running: Running) -> None:
    async with httpx.AsyncClient(trust_env=False) as browser:
        refused = await running.sign_in(browser, "nobody")
    assert (refused.status_code, refused.json()) == (400, {"detail": "access_denied"})
    assert (await running.store.count())["users"] == 0
