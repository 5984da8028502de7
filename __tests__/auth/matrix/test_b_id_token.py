"""Section B of the attack matrix: what the id_token claims."""

import hashlib
import json
import secrets
from collections.abc import Callable

import pytest
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.keys import b64url, compact
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

type Turn = Callable[[HostileProvider], None]


async def refuses(browser: Browser, row: Row) -> None:
    """The sign-in reaches the token endpoint once more and ends at the error page."""
    row.token_hits["op"] = row.token_hits.get("op", 0) + 1
    assert_er(await browser.sign_in(), "invalid_id_token")


async def test_b06_wrong_issuer(row: Row, op: HostileProvider, evil: HostileProvider, site: Site) -> None:
    for kind in ["evil", "missing", "slash", "upper", "list", "null", "number", "empty", "no-scheme", "path", "google"]:
        op.turn_honest()
        browser = site.browser()
        with case(kind):
            issuers: dict[str, object] = {
                "evil": evil.issuer,
                "missing": MISSING,
                "slash": f"{op.issuer}/",
                "upper": op.issuer.upper(),
                "list": [op.issuer],
                "null": None,
                "number": 1,
                "empty": "",
                "no-scheme": op.issuer.partition("//")[2],
                "path": f"{op.issuer}/tenant",
                "google": "https://accounts.google.com",
            }
            op.knobs.claims = {"iss": issuers[kind]}
            await refuses(browser, row)


def _audiences(op: HostileProvider) -> dict[str, dict[str, object]]:
    us, stranger = op.client_id, "client-of-a-stranger"
    return {
        "wrong": {"aud": stranger},
        "wrong-azp-us": {"aud": stranger, "azp": us},
        "list-without-us": {"aud": [stranger]},
        "list-without-us-azp-us": {"aud": [stranger], "azp": us},
        "list-with-us-and-stranger": {"aud": [us, stranger]},
        "list-with-us-and-stranger-azp-us": {"aud": [us, stranger], "azp": us},
        "empty-list": {"aud": []},
        "empty": {"aud": ""},
        "missing": {"aud": MISSING},
        "missing-azp-us": {"aud": MISSING, "azp": us},
        "null": {"aud": None},
        "number": {"aud": 7},
        "object": {"aud": {us: us}},
        "nested": {"aud": [[us]]},
        "prefix": {"aud": us[:-1]},
        "suffix": {"aud": f"{us}x"},
        "spaces": {"aud": f"{us} {stranger}"},
        "upper": {"aud": us.upper()},
    }


async def test_b07_wrong_audience(row: Row, op: HostileProvider, site: Site) -> None:
    for kind in [
        "wrong",
        "wrong-azp-us",
        "list-without-us",
        "list-without-us-azp-us",
        "list-with-us-and-stranger",
        "list-with-us-and-stranger-azp-us",
        "empty-list",
        "empty",
        "missing",
        "missing-azp-us",
        "null",
        "number",
        "object",
        "nested",
        "prefix",
        "suffix",
        "spaces",
        "upper",
    ]:
        op.turn_honest()
        browser = site.browser()
        with case(kind):
            op.knobs.claims = _audiences(op)[kind]
            await refuses(browser, row)


async def test_b07_audience_in_a_list_of_one(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"aud": [op.client_id]}
    assert_ok(await browser.sign_in())


async def test_b07_a_configured_further_audience(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_options={"trusted_audiences": frozenset({"our-api"})})
    op.knobs.claims = {"aud": [op.client_id, "our-api"], "azp": op.client_id}
    assert_ok(await site.browser().sign_in())


@pytest.mark.parametrize("azp", ["another-client", "", None, 7, ["us"]])
async def test_b08_another_authorized_party(browser: Browser, row: Row, op: HostileProvider, azp: object) -> None:
    op.knobs.claims = {"azp": azp}
    if azp is None:  # null is no party: the same as a missing one
        row.expects(users=1, sessions=1)
        assert_ok(await browser.sign_in())
        return
    await refuses(browser, row)


async def test_b08_several_audiences_without_authorized_party(launch: Launch, row: Row, op: HostileProvider) -> None:
    site = await launch(provider_options={"trusted_audiences": frozenset({"our-api"})})
    op.knobs.claims = {"aud": [op.client_id, "our-api"]}
    await refuses(site.browser(), row)


async def test_b00_required_claims(row: Row, op: HostileProvider, site: Site) -> None:
    for claims in [
        {"sub": MISSING},
        {"sub": ""},
        {"sub": None},
        {"sub": 42},
        {"sub": ["alice"]},
        {"sub": "s" * 256},
        {"sub": "al\x00ice"},
        {"sub": "al\ud800ice"},
        {"exp": MISSING},
    ]:
        op.turn_honest()
        browser = site.browser()
        with case(claims):
            op.knobs.claims = claims
            await refuses(browser, row)


def _at(name: str, seconds: float) -> Turn:
    def turn(op: HostileProvider) -> None:
        op.knobs.claims = {name: int(op.clock.timestamp() + seconds)}

    return turn


def _as(name: str, value: object) -> Turn:
    def turn(op: HostileProvider) -> None:
        op.knobs.claims = {name: value}

    return turn


def _verbatim(name: str, literal: str) -> Turn:
    """A claim spelled as JSON text that Python's own encoder would not write."""

    def turn(op: HostileProvider) -> None:
        def token() -> str:
            payload = {
                **person("alice"),
                "iss": op.issuer,
                "aud": op.client_id,
                "iat": int(op.clock.timestamp()),
                "exp": int(op.clock.timestamp()) + 300,
                "nonce": op.requests("authorize")[-1].query["nonce"],
                name: "@value@",
            }
            text = json.dumps(payload).replace('"@value@"', literal)
            return compact({"alg": "RS256", "kid": op.key.kid}, text.encode(), op.key.sign)

        op.knobs.id_token = token

    return turn


BAD_TIMES: dict[str, Turn] = {
    "iat-far-future": _at("iat", 3600),
    "iat-old": _at("iat", -720),
    "iat-missing": _as("iat", MISSING),
    "iat-text": _as("iat", "now"),
    "iat-null": _as("iat", None),
    "iat-true": _as("iat", True),
    "iat-nan": _verbatim("iat", "NaN"),
    "exp-text": _as("exp", "2999"),
    "exp-null": _as("exp", None),
    "exp-true": _as("exp", True),
    "exp-nan": _verbatim("exp", "NaN"),
    "exp-infinite": _verbatim("exp", "Infinity"),
    "exp-too-large-a-float": _verbatim("exp", "1e999"),
    "exp-too-large-a-number": _verbatim("exp", "1" + "0" * 400),
    "exp-negative": _as("exp", -1),
    "nbf-future": _at("nbf", 3600),
    "nbf-text": _as("nbf", "soon"),
    "nbf-nan": _verbatim("nbf", "NaN"),
}


async def test_b10_wrong_times(row: Row, op: HostileProvider, site: Site) -> None:
    for name, turn in BAD_TIMES.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
            turn(op)
            await refuses(browser, row)


async def test_b11_skew_within_the_leeway(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(users=1, sessions=4)
    for turn in [_at("exp", -55), _at("iat", 55), _at("nbf", 55), _at("iat", -590)]:
        op.turn_honest()
        browser = site.browser()
        with case(turn):
            turn(op)
            assert_ok(await browser.sign_in())


async def test_b11_skew_beyond_the_leeway(row: Row, op: HostileProvider, site: Site) -> None:
    for turn in [_at("exp", -65), _at("iat", 65), _at("nbf", 65)]:
        op.turn_honest()
        browser = site.browser()
        with case(turn):
            turn(op)
            await refuses(browser, row)


async def test_b00_payload_that_is_no_object(row: Row, op: HostileProvider, site: Site) -> None:
    for payload in [b"", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b"[" * 5000 + b"]" * 5000, b"\xef\xbb\xbf{}"]:
        op.turn_honest()
        browser = site.browser()
        with case(payload):
            op.knobs.payload = payload
            await refuses(browser, row)


async def test_b16_wrong_access_token_hash(row: Row, op: HostileProvider, site: Site) -> None:
    for at_hash in ["AAAAAAAAAAAAAAAAAAAAAA", "", None, 7, ["x"]]:
        op.turn_honest()
        browser = site.browser()
        with case(at_hash):
            op.knobs.claims = {"at_hash": at_hash}
            await refuses(browser, row)


async def test_b16_access_token_exchanged_for_another(browser: Browser, row: Row, op: HostileProvider) -> None:
    op.knobs.token_members = {"access_token": f"canary-access-of-somebody-else-{secrets.token_hex(16)}"}
    await refuses(browser, row)


async def test_b16_no_access_token_hash_is_allowed_in_the_code_flow(
    browser: Browser, row: Row, op: HostileProvider
) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"at_hash": MISSING}
    assert_ok(await browser.sign_in())


@pytest.mark.parametrize("hash_name", ["sha512", "sha256", "sha384"])
async def test_b16_the_hash_follows_the_algorithm(
    *, launch: Launch, row: Row, op: HostileProvider, hash_name: str
) -> None:
    """RS512 hashes with SHA-512; the halves of other hashes are refused, not skipped."""
    site = await launch(provider_options={"algorithms": ("RS512",)})
    key = op.key.private
    assert isinstance(key, rsa.RSAPrivateKey)
    op.knobs.jwks = {"keys": [op.key.public_jwk(alg="RS512")]}
    op.knobs.header = {"alg": "RS512"}
    op.knobs.sign = lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA512())
    token = f"canary-access-{secrets.token_urlsafe(24)}"
    full = hashlib.new(hash_name, token.encode()).digest()
    op.knobs.token_members = {"access_token": token}
    op.knobs.claims = {"at_hash": b64url(full[: len(full) // 2])}
    if hash_name == "sha512":
        row.expects(users=1, sessions=1)
        assert_ok(await site.browser().sign_in())
    else:
        await refuses(site.browser(), row)
    await launch()
