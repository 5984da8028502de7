"""A provider's description and its keys: what is believed, what is refused, and how long either is kept."""

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest
from __tests__.auth.hostile.keys import rsa_key
from __tests__.auth.hostile.waiting import until
from __tests__.auth.providers.fake import DISCOVERY, FakeProvider
from __tests__.auth.session.still_clock import StillClock

from auth import OAuthError
from auth.providers import ProviderContext
from auth.providers.discovery import Discovery, ProviderMetadata

HOUR = 3600


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def discovery(server: FakeProvider, context: ProviderContext, clock: StillClock) -> Discovery:
    server.describe(server.url)
    return Discovery(replace(context, clock=clock), server.url)


async def refused(discovery: Discovery, code: str) -> str:
    with pytest.raises(OAuthError) as caught:
        await discovery.keys()
    assert caught.value.code == code
    return str(caught.value)


def described(server: FakeProvider) -> dict[str, Any]:
    """The honest description."""
    server.describe(server.url)
    reply = server.replies[DISCOVERY]
    assert isinstance(reply, tuple)
    assert isinstance(reply[1], dict)
    return dict(reply[1])


async def test_what_a_description_does_not_say_is_the_default_of_the_standard(
    server: FakeProvider, discovery: Discovery
) -> None:
    server.describe(server.url, userinfo_endpoint=None, token_endpoint_auth_methods_supported=None)
    assert await discovery.metadata() == ProviderMetadata(
        issuer=server.url,
        authorization_endpoint=f"{server.url}/authorize",
        token_endpoint=f"{server.url}/token",
        jwks_uri=f"{server.url}/keys",
        userinfo_endpoint=None,
        token_endpoint_auth_methods=("client_secret_basic",),
        code_challenge_methods=None,
        issuer_in_response=False,
    )


async def test_a_description_says_what_the_provider_can(server: FakeProvider, discovery: Discovery) -> None:
    server.describe(
        server.url,
        token_endpoint_auth_methods_supported=["private_key_jwt", "client_secret_post"],
        code_challenge_methods_supported=["plain", "S256"],
        authorization_response_iss_parameter_supported=True,
    )
    found = await discovery.metadata()
    assert found.userinfo_endpoint == f"{server.url}/userinfo"
    assert found.token_endpoint_auth_methods == ("private_key_jwt", "client_secret_post")
    assert found.code_challenge_methods == ("plain", "S256")
    assert found.issuer_in_response


@pytest.mark.parametrize("value", ["true", 1, None, [], "S256"])
async def test_what_is_of_another_type_says_nothing(server: FakeProvider, discovery: Discovery, value: object) -> None:
    document = described(server)
    names = ("authorization_response_iss_parameter_supported", "code_challenge_methods_supported")
    server.reply(DISCOVERY, {**document, **dict.fromkeys(names, value), "token_endpoint_auth_methods_supported": value})
    found = await discovery.metadata()
    assert not found.issuer_in_response
    assert found.code_challenge_methods == (() if value == [] else None)
    assert found.token_endpoint_auth_methods == ("client_secret_basic",)


@pytest.mark.parametrize("status", [201, 204, 400, 404, 500, 302])
async def test_a_description_or_keys_with_another_status_than_200_do_not_count(
    server: FakeProvider, discovery: Discovery, status: int
) -> None:
    document = described(server)
    server.reply(DISCOVERY, document if status != 204 else b"", status)
    await refused(discovery, "provider_unavailable")
    server.describe(server.url)
    server.reply("/keys", {"keys": [server.key.public_jwk()]} if status != 204 else b"", status)
    await refused(discovery, "provider_unavailable")
    server.describe(server.url)
    assert len(await discovery.keys()) == 1


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"7"])
async def test_a_description_or_keys_that_are_no_object_do_not_count(
    server: FakeProvider, discovery: Discovery, body: bytes
) -> None:
    server.reply(DISCOVERY, body)
    assert "no description" in await refused(discovery, "provider_unavailable")
    server.describe(server.url)
    server.reply("/keys", body)
    assert "expected a JWK set of at most 100 keys" in await refused(discovery, "provider_unavailable")


@pytest.mark.parametrize("changed", ["{}/", "{}x", "{}/x", "https://other.example", "", None, 7, ["{}"]])
async def test_the_description_names_the_issuer_to_the_letter(
    server: FakeProvider, discovery: Discovery, changed: object
) -> None:
    issuer: object = changed.replace("{}", server.url) if isinstance(changed, str) else changed
    if changed == ["{}"]:
        issuer = [server.url]
    server.reply(DISCOVERY, {**described(server), "issuer": issuer})
    assert await refused(discovery, "provider_misconfigured") == "the description names another issuer"
    assert server.hits["/keys"] == 0


@pytest.mark.parametrize("path", ["/", "/tenant", "/tenant/", "/X"])
async def test_the_description_is_below_the_issuer(server: FakeProvider, context: ProviderContext, path: str) -> None:
    issuer = f"{server.url}{path}"
    server.describe(issuer, path.rstrip("/"))
    assert (await Discovery(context, issuer).metadata()).issuer == issuer


async def test_an_expected_issuer_takes_the_place_of_the_address(
    server: FakeProvider, context: ProviderContext
) -> None:
    template = "https://login.example/{tenantid}/v2.0"
    server.describe(template)
    discovery = Discovery(context, f"{server.url}/", expected_issuer=template)
    assert (await discovery.metadata()).issuer == template


@pytest.mark.parametrize(
    "url", [None, "", 7, ["https://op.example/x"], "/token", "http://op.example/x", "ftp://op.example"]
)
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
async def test_an_endpoint_is_a_url_that_requests_may_be_sent_to(
    server: FakeProvider, discovery: Discovery, name: str, url: object
) -> None:
    server.reply(DISCOVERY, {**described(server), name: url})
    assert f"{name} is not an acceptable URL" in await refused(discovery, "provider_misconfigured")
    assert server.hits["/keys"] == 0


async def test_a_key_set_is_a_list_of_at_most_100_objects(server: FakeProvider, discovery: Discovery) -> None:
    key = server.key.public_jwk()
    for wrong in ({}, {"keys": None}, {"keys": {}}, {"keys": "x"}, {"keys": [key] * 101}):
        server.reply("/keys", wrong)
        await refused(discovery, "provider_unavailable")
    server.reply("/keys", {"keys": [*[key] * 95, "x", None, 7, [], key]})
    assert await discovery.keys() == [key] * 96


async def test_both_are_kept_for_an_hour_and_fetched_again_then(
    server: FakeProvider, discovery: Discovery, clock: StillClock
) -> None:
    for advance, hits in ((0, 1), (HOUR - 1, 1), (1, 2), (HOUR, 3)):
        clock.advance(advance)
        await discovery.metadata()
        await discovery.keys()
        assert (server.hits[DISCOVERY], server.hits["/keys"]) == (hits, hits)


async def test_newer_keys_are_fetched_once_a_minute(
    server: FakeProvider, discovery: Discovery, clock: StillClock
) -> None:
    await discovery.keys()
    server.keys = [rsa_key("new").public_jwk()]
    for advance, hits in ((59, 1), (1, 2), (59, 2), (1, 3)):
        clock.advance(advance)
        await discovery.newer_keys()
        assert server.hits["/keys"] == hits
    assert await discovery.keys() == server.keys


async def test_a_failure_is_not_kept_and_does_not_cost_what_was_known(
    server: FakeProvider, discovery: Discovery, clock: StillClock, caplog: pytest.LogCaptureFixture
) -> None:
    server.reply(DISCOVERY, b"", 500)
    for _ in range(2):
        await refused(discovery, "provider_unavailable")
    assert server.hits[DISCOVERY] == 2
    server.describe(server.url)
    known = await discovery.keys()
    clock.advance(60)
    server.reply("/keys", b"", 500)
    with pytest.raises(OAuthError):
        await discovery.newer_keys()
    assert await discovery.keys() == known
    assert not [record for record in caplog.records if record.name == "asyncio"], "who waited was told: nobody else is"


async def test_all_who_wait_share_one_fetch_and_who_gives_up_takes_it_from_nobody(
    server: FakeProvider, discovery: Discovery
) -> None:
    go = threading.Event()
    document = described(server)
    server.replies[DISCOVERY] = (200, document, go)
    waiting = [asyncio.create_task(discovery.metadata()) for _ in range(3)]
    await until(lambda: server.hits[DISCOVERY] == 1)
    waiting[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    go.set()
    assert [found.issuer for found in await asyncio.gather(*waiting[1:])] == [server.url] * 2
    assert server.hits[DISCOVERY] == 1
