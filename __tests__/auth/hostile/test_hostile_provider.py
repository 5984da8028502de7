"""The hostile provider is a strict provider until a knob is turned: what it lets through proves something."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlencode

import httpx
import pytest
from __tests__.auth.hostile.browser import new_client, query_of
from __tests__.auth.hostile.clock import Clock
from __tests__.auth.hostile.jar import Jar
from __tests__.auth.hostile.keys import b64url
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.world import World
from joserfc import jwt
from joserfc.jwk import KeySet

VERIFIER = "v" * 43
REDIRECT_URI = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def provider() -> Iterator[HostileProvider]:
    world = World("provider")
    served = HostileProvider("strict", Clock())
    served.serve(world)
    yield served
    world.stop()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with new_client() as opened:
        yield opened


async def a_code(provider: HostileProvider, client: httpx.AsyncClient) -> str:
    query = {
        "response_type": "code",
        "client_id": provider.client_id,
        "redirect_uri": REDIRECT_URI,
        "state": "a-state",
        "nonce": "a-nonce",
        "scope": "openid email",
        "code_challenge": b64url(hashlib.sha256(VERIFIER.encode()).digest()),
        "code_challenge_method": "S256",
    }
    answer = await client.get(f"{provider.issuer}/authorize?{urlencode(query)}")
    assert answer.status_code == 302
    return query_of(answer.headers["location"])["code"]


async def exchange(provider: HostileProvider, client: httpx.AsyncClient, code: str, **changes: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT_URI,
        "code_verifier": VERIFIER,
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        **changes,
    }
    return await client.post(f"{provider.issuer}/token", data=form)


async def test_an_honest_exchange_gives_tokens_that_verify(
    provider: HostileProvider, client: httpx.AsyncClient
) -> None:
    answer = (await exchange(provider, client, await a_code(provider, client))).json()
    jwks = (await client.get(f"{provider.issuer}/jwks")).json()
    token = jwt.decode(answer["id_token"], KeySet.import_key_set(jwks), algorithms=["RS256"])
    assert (token.claims["iss"], token.claims["sub"], token.claims["nonce"]) == (provider.issuer, "alice", "a-nonce")
    userinfo = await client.get(
        f"{provider.issuer}/userinfo", headers={"authorization": f"Bearer {answer['access_token']}"}
    )
    assert userinfo.json()["email"] == "alice@people.example"


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:9/elsewhere"},
        {"client_secret": "guessed"},
        {"code": "made-up"},
        {"grant_type": "password"},
    ],
)
async def test_a_wrong_token_request_is_refused(
    provider: HostileProvider, client: httpx.AsyncClient, changes: dict[str, str]
) -> None:
    code = await a_code(provider, client)
    answer = await exchange(provider, client, changes.pop("code", code), **changes)
    assert answer.status_code in {400, 401}
    assert "access_token" not in answer.json()


async def test_a_code_is_good_for_one_exchange(provider: HostileProvider, client: httpx.AsyncClient) -> None:
    code = await a_code(provider, client)
    assert (await exchange(provider, client, code)).status_code == 200
    assert (await exchange(provider, client, code)).json()["error"] == "invalid_grant"


def test_the_jar_does_what_browsers_do() -> None:
    clock = Clock()
    jar = Jar(clock)
    jar.store("plain=1; Path=/; Max-Age=60", "http://app.example/x")
    jar.store("dropped=1; Path=/; Secure", "http://app.example/x")
    jar.store("__Host-dropped=1; Path=/sub; Secure", "https://app.example/x")
    jar.store("__Host-kept=1; Path=/; Secure", "https://app.example/x")
    jar.store("narrow=1; Path=/auth; HttpOnly", "https://app.example/x")
    jar.store("foreign=1; Domain=other.example", "https://app.example/x")
    jar.store("shared=1; Domain=app.example; Path=/", "https://app.example/x")
    assert jar.header("https://app.example/auth/y") == "narrow=1; plain=1; __Host-kept=1; shared=1"
    assert jar.header("https://app.example/authority") == "plain=1; __Host-kept=1; shared=1"
    assert jar.header("http://app.example/") == "plain=1; shared=1"
    assert jar.header("https://sub.app.example/") == "shared=1"
    clock.advance(61)
    jar.store("shared=; Domain=app.example; Path=/; Max-Age=0", "https://app.example/x")
    assert jar.header("https://app.example/") == "__Host-kept=1"
