"""Browsers: each with a jar of its own, none follows a redirect unless a test says so."""

import json
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.jar import Cookie, Jar
from __tests__.auth.hostile.provider import USER_HEADER

NAVIGATION = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
"""A click on one of the application's own links."""

ARRIVAL = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
"""A page of another site that sends the whole window here, as the provider does."""

SCRIPT = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"}
"""The application's own fetch()."""


@dataclass(frozen=True)
class Exchange:
    """An answer of the application, and what it was an answer to."""

    method: str
    url: str
    response: httpx.Response

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def cookies(self) -> list[Cookie]:
        return [Cookie.parse(header) for header in self.response.headers.get_list("set-cookie")]


def new_client(authority: Path | None = None) -> httpx.AsyncClient:
    """An HTTP client that keeps no cookie, follows no redirect, asks no environment and believes one authority."""
    nothing = CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))
    return httpx.AsyncClient(
        cookies=nothing,
        follow_redirects=False,
        trust_env=False,
        verify=ssl.create_default_context(cafile=authority),
        timeout=40,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        headers={"user-agent": "Mozilla/5.0 (test browser)"},
    )


@dataclass
class Browser:
    """One person's browser. `base` is where the application listens, whatever name it goes by in public."""

    base: str
    clock: Clock
    client: httpx.AsyncClient
    exchanges: list[Exchange]
    user: Mapping[str, Any] | None = None
    jar: Jar = field(init=False)

    def __post_init__(self) -> None:
        self.jar = Jar(self.clock)

    @property
    def origin(self) -> str:
        return self.base

    def at(self, url: str) -> str:
        """The address on which the application can be reached for `url`, a path or one of its public URLs."""
        place = urlsplit(url)
        if not place.scheme:
            return f"{self.base}{url}"
        query = f"?{place.query}" if place.query else ""
        return f"{self.base}{place.path}{query}"

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        cookies: bool = True,
        **content: Any,
    ) -> httpx.Response:
        """One request to the application with the jar's cookies; the jar takes what the answer sets."""
        target = self.at(url)
        sent = dict(headers or {})
        if cookies and (header := self.jar.header(target)):
            sent["cookie"] = header
        response = await self.client.request(method, target, headers=sent, **content)
        self.exchanges.append(Exchange(method, target, response))
        for header in response.headers.get_list("set-cookie"):
            self.jar.store(header, target)
        return response

    async def get(self, url: str, *, headers: Mapping[str, str] = NAVIGATION, **content: Any) -> httpx.Response:
        return await self.request("GET", url, headers=headers, **content)

    async def post(self, url: str, *, headers: Mapping[str, str] | None = None, **content: Any) -> httpx.Response:
        """The application's own script posts: with an Origin, as every browser does."""
        return await self.request("POST", url, headers=headers or self.own_script, **content)

    async def delete(self, url: str, **content: Any) -> httpx.Response:
        return await self.request("DELETE", url, headers=self.own_script, **content)

    @property
    def own_script(self) -> dict[str, str]:
        """The headers of a request by the application's own script."""
        return {**SCRIPT, "origin": self.origin}

    async def raw(
        self, method: str, url: str, headers: Sequence[tuple[str, str]] = (), **content: Any
    ) -> httpx.Response:
        """A request with exactly these headers, duplicates and all, as UTF-8; it leaves the jar alone."""
        target = self.at(url)
        sent = [(name.encode(), value.encode()) for name, value in headers]
        response = await self.client.request(method, target, headers=sent, **content)
        self.exchanges.append(Exchange(method, target, response))
        return response

    async def start(self, provider: str = "op", redirect_url: str | None = None, **params: str) -> httpx.Response:
        """Click on the sign-in button."""
        query = params if redirect_url is None else {"redirect_url": redirect_url, **params}
        suffix = f"?{urlencode(query)}" if query else ""
        return await self.get(f"/auth/provider/{provider}/signin{suffix}")

    async def authorize(self, location: str | httpx.Response, user: Mapping[str, Any] | None = None) -> str:
        """Approve at the provider; the callback URL that it sends the browser to."""
        url = location if isinstance(location, str) else location.headers["location"]
        person = user or self.user
        headers = {USER_HEADER: json.dumps(dict(person))} if person else {}
        response = await self.client.get(url, headers=headers)
        if response.status_code != httpx.codes.FOUND:
            msg = f"the provider answered {response.status_code}: {response.text}"
            raise AssertionError(msg)
        return str(response.headers["location"])

    async def callback(self, url: str, *, headers: Mapping[str, str] = ARRIVAL) -> httpx.Response:
        """Arrive from the provider."""
        return await self.get(url, headers=headers)

    async def reach_callback(self, provider: str = "op", redirect_url: str | None = None) -> str:
        """Everything up to the provider's answer; the callback URL, not yet visited."""
        return await self.authorize(await self.start(provider, redirect_url))

    async def sign_in(self, provider: str = "op", redirect_url: str | None = None) -> httpx.Response:
        """The whole walk; the application's answer to the callback."""
        return await self.callback(await self.reach_callback(provider, redirect_url))

    async def me(self) -> httpx.Response:
        return await self.get("/me", headers=SCRIPT)

    @property
    def session_cookie(self) -> str | None:
        cookie = self.jar.find("belgie_session") or self.jar.find("__Host-belgie_session")
        return cookie.value if cookie else None

    @property
    def flow_cookies(self) -> list[Cookie]:
        return [cookie for cookie in self.jar if "belgie_flow" in cookie.name]


def query_of(url: str) -> dict[str, str]:
    """The query of a URL, one value a name."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, keep_blank_values=True).items()}


def with_query(url: str, **changes: str | None) -> str:
    """The URL with query parameters set, or with `None` left out."""
    place = urlsplit(url)
    query = {name: value for name, value in {**query_of(url), **changes}.items() if value is not None}
    return place._replace(query=urlencode(query)).geturl()
