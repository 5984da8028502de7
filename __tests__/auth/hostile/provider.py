"""A real OpenID provider that is honest until a knob is turned.

It checks what a good provider checks (client, code, redirect_uri, PKCE S256), signs with keys of its own, counts
every request, and remembers every secret it handed out so that a test can look for them where they must not be.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode

from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.keys import b64url, compact, left_half_hash, rsa_key
from __tests__.auth.hostile.knobs import MISSING, Knobs, changed
from __tests__.auth.hostile.world import World
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

USER_HEADER = "x-sign-in-as"
"""A browser of the tests says in this header, as JSON, who it is at the provider."""


@dataclass(frozen=True)
class Seen:
    """A request that reached the provider."""

    endpoint: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str]


@dataclass(frozen=True)
class Grant:
    """What a code stands for."""

    redirect_uri: str
    nonce: str | None
    challenge: str | None
    scope: str
    user: dict[str, Any]


@dataclass
class HostileProvider:
    """One provider: an issuer, a client, a user who approves everything."""

    name: str
    clock: Clock
    issuer: str = ""
    client_id: str = ""
    client_secret: str = ""
    knobs: Knobs = field(default_factory=Knobs)
    user: dict[str, Any] = field(default_factory=dict)
    hits: Counter[str] = field(default_factory=Counter)
    seen: list[Seen] = field(default_factory=list)
    issued: set[str] = field(default_factory=set)
    codes: dict[str, Grant] = field(default_factory=dict)
    sessions: dict[str, Grant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.key = rsa_key(f"{self.name}-key")
        self.client_id = f"client-of-{self.name}"
        self.client_secret = f"canary-client-secret-{self.name}-{secrets.token_urlsafe(24)}"
        self.reset()

    def serve(self, world: World, *, certificate: tuple[str, str] | None = None, host: str = "127.0.0.1") -> None:
        """Listen on a free loopback port, which makes the issuer."""
        scheme = "https" if certificate else "http"
        port = world.serve(self.application(), certificate=certificate)
        self.issuer = f"{scheme}://{host}:{port}"

    def reset(self) -> None:
        """Honest again, with nothing remembered."""
        self.knobs = Knobs()
        self.user = person("alice")
        self.hits = Counter()
        self.seen = []
        self.issued = {self.client_secret}
        self.codes = {}
        self.sessions = {}

    def turn_honest(self) -> None:
        """Honest again, with everything remembered."""
        self.knobs = Knobs()

    @property
    def token_hits(self) -> int:
        return self.hits["token"]

    def requests(self, endpoint: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.endpoint == endpoint]

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._discovery),
                Route("/jwks", self._jwks),
                Route("/authorize", self._authorize),
                Route("/token", self._token, methods=["GET", "POST"]),
                Route("/userinfo", self._userinfo, methods=["GET", "POST"]),
                Route("/{rest:path}", self._elsewhere, methods=["GET", "POST"]),
            ],
        )

    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        honest = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "profile"],
        }
        return changed(honest, self.knobs.metadata)

    async def _arrived(self, request: Request, endpoint: str) -> tuple[Seen, Response | None]:
        """Count and log the request; with it the answer that a knob has put in place of the honest one."""
        body = (await request.body()).decode("utf-8", "replace")
        form = dict(parse_qsl(body)) if request.method == "POST" else {}
        self.hits[endpoint] += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(endpoint, request.method, request.url.path, dict(request.query_params), headers, form)
        self.seen.append(seen)
        if seconds := self.knobs.delays.get(endpoint):
            await asyncio.sleep(seconds)
        answer = self.knobs.answers.get(endpoint)
        if answer is None:
            return seen, None
        headers = {"content-type": "application/json", **answer.headers}
        return seen, Response(answer.body, answer.status, headers)

    async def _discovery(self, request: Request) -> Response:
        _, answer = await self._arrived(request, "discovery")
        return answer or JSONResponse(self.metadata())

    async def _jwks(self, request: Request) -> Response:
        _, answer = await self._arrived(request, "jwks")
        if answer:
            return answer
        if self.knobs.jwks is not None:
            return JSONResponse(self.knobs.jwks)
        keys = self.knobs.keys if self.knobs.keys is not None else (self.key,)
        return JSONResponse({"keys": [key.public_jwk() for key in keys]})

    async def _elsewhere(self, request: Request) -> Response:
        _, answer = await self._arrived(request, "elsewhere")
        return answer or JSONResponse({"detail": "nothing here"}, 404)

    async def _authorize(self, request: Request) -> Response:
        _, answer = await self._arrived(request, "authorize")
        if answer:
            return answer
        query = request.query_params
        if query.get("response_type") != "code" or query.get("client_id") != self.client_id:
            return JSONResponse({"error": "invalid_request"}, 400)
        code = f"canary-code-{secrets.token_urlsafe(24)}"
        as_user = request.headers.get(USER_HEADER)
        grant = Grant(
            redirect_uri=query["redirect_uri"],
            nonce=query.get("nonce"),
            challenge=query.get("code_challenge") if query.get("code_challenge_method") == "S256" else None,
            scope=query.get("scope", ""),
            user=json.loads(as_user) if as_user else dict(self.user),
        )
        self.codes[code] = grant
        self.issued |= {code, query["state"]} | ({grant.nonce} if grant.nonce else set())
        honest: dict[str, object] = {"code": code, "state": query["state"]}
        if self.metadata().get("authorization_response_iss_parameter_supported"):
            honest["iss"] = self.issuer
        answered = changed(honest, self.knobs.callback_params)
        return RedirectResponse(f"{grant.redirect_uri}?{urlencode(answered)}", 302)

    async def _token(self, request: Request) -> Response:
        seen, answer = await self._arrived(request, "token")
        if answer:
            return answer
        form = seen.form
        for secret in ("code", "code_verifier"):
            if form.get(secret):
                self.issued.add(form[secret])
        if not self._is_client(seen):
            return JSONResponse({"error": "invalid_client"}, 401)
        grant = self.codes.pop(form.get("code", ""), None)
        if form.get("grant_type") != "authorization_code" or grant is None:
            return _invalid_grant("unknown code")
        if form.get("redirect_uri") != grant.redirect_uri:
            return _invalid_grant("another redirect_uri")
        if self.knobs.checks_pkce and not _verified(form.get("code_verifier"), grant.challenge):
            return _invalid_grant("wrong code_verifier")
        return JSONResponse(self._tokens(grant), headers={"cache-control": "no-store"})

    def _is_client(self, seen: Seen) -> bool:
        kind, _, value = seen.headers.get("authorization", "").partition(" ")
        if kind.lower() == "basic":
            given = base64.b64decode(value).decode().partition(":")
            client, secret = unquote_plus(given[0]), unquote_plus(given[2])
        else:
            client, secret = seen.form.get("client_id", ""), seen.form.get("client_secret", "")
        return client == self.client_id and hmac.compare_digest(secret.encode(), self.client_secret.encode())

    def _tokens(self, grant: Grant) -> dict[str, Any]:
        access_token = f"canary-access-{secrets.token_urlsafe(24)}"
        refresh_token = f"canary-refresh-{secrets.token_urlsafe(24)}"
        self.sessions[access_token] = grant
        honest: dict[str, object] = {
            "access_token": access_token,
            "refresh_token": refresh_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": grant.scope,
            "id_token": self.make_id_token(grant, access_token),
        }
        answered = changed(honest, self.knobs.token_members)
        self.issued |= {value for value in answered.values() if isinstance(value, str) and len(value) > 40}
        return answered

    def make_id_token(self, grant: Grant, access_token: str) -> object:
        """The id_token for a grant, with every knob applied."""
        knobs = self.knobs
        if knobs.id_token is not None:
            return knobs.id_token
        now = int(self.clock.timestamp())
        honest = {
            **grant.user,
            "iss": self.issuer,
            "aud": self.client_id,
            "iat": now,
            "exp": now + 300,
            "at_hash": left_half_hash(access_token),
            "nonce": grant.nonce if grant.nonce is not None else MISSING,
        }
        signer = knobs.signer or self.key
        header = changed({"alg": signer.alg, "kid": signer.kid, "typ": "JWT"}, knobs.header)
        payload = knobs.payload if knobs.payload is not None else changed(honest, knobs.claims)
        return compact(header, payload, knobs.sign or signer.sign)

    async def _userinfo(self, request: Request) -> Response:
        _, answer = await self._arrived(request, "userinfo")
        if answer:
            return answer
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        grant = self.sessions.get(token)
        if grant is None:
            return JSONResponse({"error": "invalid_token"}, 401)
        return JSONResponse(changed(grant.user, self.knobs.userinfo_members))


def person(sub: str, /, **claims: object) -> dict[str, Any]:
    """The claims of a user with a verified address."""
    return {
        "sub": sub,
        "email": f"{sub}@people.example",
        "email_verified": True,
        "name": sub.title(),
        "picture": f"https://people.example/{sub}.png",
        **claims,
    }


def _invalid_grant(why: str) -> Response:
    return JSONResponse({"error": "invalid_grant", "error_description": why}, 400)


def _verified(verifier: str | None, challenge: str | None) -> bool:
    if not verifier or not challenge:
        return False
    return hmac.compare_digest(b64url(hashlib.sha256(verifier.encode("ascii")).digest()), challenge)
