"""A server on loopback that answers as a test tells it to, in the shapes that providers document."""

import asyncio
import base64
import json
import threading
import urllib.parse
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from __tests__.auth.hostile.keys import SigningKey, compact, rsa_key
from __tests__.auth.hostile.waiting import until
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from auth.providers import AuthorizationRequest, CodeExchange, Profile, ProviderProtocol

NONCE = "the-nonce-of-the-flow"
CALLBACK = "https://app.example/auth/provider/theirs/callback"
REQUEST = AuthorizationRequest(state="the-state", nonce=NONCE, code_challenge="the-challenge", redirect_uri=CALLBACK)
EXCHANGE = CodeExchange(code="the-code", code_verifier="the-verifier", redirect_uri=CALLBACK)
DISCOVERY = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    url: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def bearer(self) -> str | None:
        """The access token in the header."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        return value if kind == "Bearer" else None

    @property
    def client(self) -> tuple[str | None, str | None]:
        """The client's id and secret, from wherever they stand."""
        kind, _, value = self.headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return self.form.get("client_id"), self.form.get("client_secret")
        name, _, secret = base64.b64decode(value).decode().partition(":")
        return urllib.parse.unquote(name), urllib.parse.unquote(secret)


type Body = bytes | Mapping[str, Any] | list[Any]
type Fixed = tuple[int, Body] | tuple[int, Body, float | threading.Event]
"""Status, body, and the silence before them: in seconds, or until an event in the test's thread."""

type Reply = Fixed | Callable[[Seen], Fixed]


@dataclass
class FakeProvider:
    """Answers by path; everything else is 404. What arrives is remembered."""

    url: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    key: SigningKey = field(default_factory=lambda: rsa_key("fake-provider"))
    keys: list[dict[str, Any]] | None = None

    def reset(self) -> None:
        self.replies = {}
        self.seen = []
        self.keys = None

    def reply(self, path: str, body: Body, status: int = 200) -> None:
        """Answer this path so."""
        self.replies[path] = (status, body)

    def describe(self, issuer: str, path: str = "", **changes: Any) -> None:
        """Describe an OpenID provider below `path`, all of whose endpoints are here."""
        honest = {
            "issuer": issuer,
            "authorization_endpoint": f"{self.url}{path}/authorize",
            "token_endpoint": f"{self.url}{path}/token",
            "userinfo_endpoint": f"{self.url}{path}/userinfo",
            "jwks_uri": f"{self.url}{path}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            **changes,
        }
        self.reply(f"{path}{DISCOVERY}", {name: value for name, value in honest.items() if value is not None})
        self.replies[f"{path}/keys"] = lambda _: (200, {"keys": self.keys or [self.key.public_jwk()]})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """An id_token with these claims."""
        return compact({"alg": self.key.alg, "kid": self.key.kid}, dict(claims), self.key.sign)

    def requests(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def request(self, path: str) -> Seen:
        """The only request to this path."""
        (seen,) = self.requests(path)
        return seen

    @property
    def hits(self) -> Counter[str]:
        return Counter(seen.path for seen in self.seen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = (await request.body()).decode()
        seen = Seen(
            method=request.method,
            path=request.url.path,
            url=str(request.url),
            query=dict(request.query_params),
            headers={name.lower(): value for name, value in request.headers.items()},
            form=dict(urllib.parse.parse_qsl(body, keep_blank_values=True)),
        )
        self.seen.append(seen)
        reply = self.replies.get(seen.path, (404, {"message": "Not Found"}))
        status, content, *silence = reply if isinstance(reply, tuple) else reply(seen)
        for one in silence:
            if isinstance(one, threading.Event):
                await until(one.is_set)
            else:
                await asyncio.sleep(one)
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        await Response(raw, status, media_type="application/json")(scope, receive, send)


def form_body(values: Mapping[str, str]) -> bytes:
    """A body as a server answers that does not care for JSON."""
    return urllib.parse.urlencode(values).encode()


async def profile_from(provider: ProviderProtocol) -> Profile:
    """What the provider says when the browser is back: code for tokens, tokens for a profile."""
    return await provider.fetch_profile(await provider.exchange_code(EXCHANGE), nonce=NONCE)


def query_of(url: str) -> dict[str, str]:
    """The query of a URL, whose names must not repeat."""
    pairs = urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
