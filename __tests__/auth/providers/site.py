"""An application that people sign in to with a fake provider, over plain dictionaries, behind a real server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictUser, NoDatabase
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.jar import Jar
from __tests__.auth.providers.fake import query_of
from fastapi import FastAPI

from auth import Auth, AuthSettings
from auth.providers import ProviderProtocol, ProviderSettingsProtocol

NAVIGATION = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
ARRIVAL = {**NAVIGATION, "sec-fetch-site": "cross-site"}


@dataclass
class Person:
    """Somebody at a browser, which keeps cookies and obeys `SameSite`."""

    url: str
    http: httpx.AsyncClient
    clock: Clock
    jar: Jar = field(init=False)

    def __post_init__(self) -> None:
        self.jar = Jar(self.clock)

    async def request(self, method: str, path: str, headers: dict[str, str], **content: Any) -> httpx.Response:
        target = f"{self.url}{path}"
        cross_site_post = method == "POST" and headers.get("sec-fetch-site") == "cross-site"
        cookies = [
            f"{cookie.name}={cookie.value}" for cookie in self.jar if not cross_site_post or cookie.same_site == "none"
        ]
        sent = {**headers, "cookie": "; ".join(cookies)} if cookies else headers
        response = await self.http.request(method, target, headers=sent, **content)
        for header in response.headers.get_list("set-cookie"):
            self.jar.store(header, target)
        return response

    async def start(self, provider: str) -> str:
        """Press the button; where the browser is sent."""
        response = await self.request("GET", f"/auth/provider/{provider}/signin", NAVIGATION)
        assert response.status_code == httpx.codes.SEE_OTHER, response.text
        return response.headers["location"]

    async def start_link(self, provider: str) -> str:
        """Press the button of one more provider, while signed in."""
        headers = {**NAVIGATION, "origin": self.url}
        response = await self.request("POST", f"/auth/provider/{provider}/link", headers)
        assert response.status_code == httpx.codes.SEE_OTHER, response.text
        return response.headers["location"]

    async def come_back(self, provider: str, location: str, **more: str) -> httpx.Response:
        """Arrive from the provider, with a query."""
        answer = {"code": "the-code", "state": query_of(location)["state"], **more}
        return await self.request("GET", f"/auth/provider/{provider}/callback", ARRIVAL, params=answer)

    async def post_back(self, provider: str, location: str, **more: str) -> httpx.Response:
        """Arrive from the provider, with a form that its page has sent off."""
        answer = {"code": "the-code", "state": query_of(location)["state"], **more}
        return await self.request("POST", f"/auth/provider/{provider}/callback", ARRIVAL, data=answer)

    async def session(self) -> dict[str, Any] | None:
        """Who the application thinks this is."""
        response = await self.request("GET", "/auth/session", NAVIGATION)
        return response.json() if response.status_code == httpx.codes.OK else None


@dataclass
class Site:
    """The application."""

    url: str
    adapter: DictAdapter
    auth: Auth[Any, Any, Any, Any]
    http: httpx.AsyncClient
    clock: Clock

    def person(self) -> Person:
        return Person(self.url, self.http, self.clock)

    @property
    def users(self) -> list[DictUser]:
        return list(self.adapter.users.values())


@asynccontextmanager
async def running(
    clock: Clock, providers: dict[str, ProviderProtocol | ProviderSettingsProtocol], **settings: Any
) -> AsyncGenerator[Site]:
    """Serve an application with these providers."""
    listener = listening_socket()
    adapter = DictAdapter()
    auth = Auth(
        settings=AuthSettings(
            secret="a secret for tests, long enough for everybody", base_url=base_url(listener), **settings
        ),
        adapter=adapter,
        db=NoDatabase(),
        providers=providers,
        clock=clock,
    )
    app = FastAPI()
    app.include_router(auth.router)
    async with serving(app, listener), httpx.AsyncClient(trust_env=False) as http:
        yield Site(base_url(listener), adapter, auth, http, clock)
