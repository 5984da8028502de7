"""Section B of the attack matrix: who signed the id_token, and with what."""

import json
import secrets
from collections.abc import Callable

import pytest
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.keys import SigningKey, ec_key, hs256, one_bit_flipped, rsa_key, unsigned
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from pydantic import ValidationError

from auth import OIDCProviderSettings

type Turn = Callable[[HostileProvider], None]


STRANGER = rsa_key("a-strangers-key")
ELLIPTIC = ec_key("an-elliptic-key")


async def refuses(browser: Browser, row: Row) -> None:
    """The sign-in reaches the token endpoint once more and ends at the error page."""
    row.token_hits["op"] = row.token_hits.get("op", 0) + 1
    assert_er(await browser.sign_in(), "invalid_id_token")


async def test_b01_unsigned(row: Row, op: HostileProvider, site: Site) -> None:
    for spelling in ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], MISSING]:
        for advertised in [False, True]:
            op.turn_honest()
            site.stage.clock.forget()
            browser = site.browser()
            with case((spelling, advertised)):
                op.knobs.header = {"alg": spelling}
                op.knobs.sign = unsigned
                if advertised:
                    op.knobs.metadata = {"id_token_signing_alg_values_supported": ["none", "RS256"]}
                await refuses(browser, row)


async def test_b01_alg_none_under_an_honest_signature(row: Row, op: HostileProvider, site: Site) -> None:
    for spelling in ["none", "None", "NONE"]:
        op.turn_honest()
        browser = site.browser()
        with case(spelling):
            op.knobs.header = {"alg": spelling}
            await refuses(browser, row)


@pytest.mark.parametrize("algorithms", [["none"], ["HS256"], ["RS256", "none"], ["rs256"], []])
def test_b01_no_setting_allows_unsigned_or_shared_key_tokens(algorithms: list[str]) -> None:
    with pytest.raises(ValidationError, match="algorithms"):
        OIDCProviderSettings(
            issuer="https://op.example", client_id="c", client_secret="s", algorithms=tuple(algorithms)
        )


def _shared_keys(op: HostileProvider) -> dict[str, bytes]:
    return {
        "pem": op.key.public_pem(),
        "pem-without-newline": op.key.public_pem().strip(),
        "der": op.key.public_der(),
        "jwk": json.dumps(op.key.public_jwk()).encode(),
        "client-secret": op.client_secret.encode(),
        "empty": b"",
    }


async def test_b02_signed_with_a_public_or_shared_key(row: Row, op: HostileProvider, site: Site) -> None:
    for kind in ["pem", "pem-without-newline", "der", "jwk", "client-secret", "empty"]:
        op.turn_honest()
        browser = site.browser()
        with case(kind):
            op.knobs.header = {"alg": "HS256"}
            op.knobs.sign = hs256(_shared_keys(op)[kind])
            await refuses(browser, row)


async def test_b02_shared_key_published_in_the_key_set(browser: Browser, row: Row, op: HostileProvider) -> None:
    shared = b"a shared key that anyone can read in the key set"
    op.knobs.jwks = {"keys": [{"kty": "oct", "kid": op.key.kid, "alg": "HS256", "k": "YSBzaGFyZWQga2V5"}]}
    op.knobs.header = {"alg": "HS256"}
    op.knobs.sign = hs256(shared)
    await refuses(browser, row)


def _by_a_stranger(op: HostileProvider) -> None:
    op.knobs.sign = STRANGER.sign


def _by_a_stranger_under_the_same_kid(op: HostileProvider) -> None:
    op.knobs.signer = SigningKey(op.key.kid, "RS256", STRANGER.private)


def _one_bit(op: HostileProvider) -> None:
    op.knobs.sign = one_bit_flipped(op.key.sign)


def _empty_signature(op: HostileProvider) -> None:
    op.knobs.sign = unsigned


def _garbage(op: HostileProvider) -> None:
    op.knobs.sign = lambda _: secrets.token_bytes(256)


def _rs256_named_es256(op: HostileProvider) -> None:
    op.knobs.header = {"alg": "ES256"}


def _not_a_token(text: str) -> Turn:
    def turn(op: HostileProvider) -> None:
        op.knobs.id_token = text

    return turn


BAD_SIGNATURES: dict[str, Turn] = {
    "stranger": _by_a_stranger,
    "stranger-same-kid": _by_a_stranger_under_the_same_kid,
    "one-bit": _one_bit,
    "empty": _empty_signature,
    "garbage": _garbage,
    "rs256-named-es256": _rs256_named_es256,
    "no-token": _not_a_token("not-a-token"),
    "two-parts": _not_a_token("e30.e30"),
    "five-parts": _not_a_token("e30.e30.e30.e30.e30"),
    "empty-parts": _not_a_token(".."),
    "long": _not_a_token("a" * 200_000),
}


async def test_b03_bad_signature(row: Row, op: HostileProvider, site: Site) -> None:
    for name, turn in BAD_SIGNATURES.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
            turn(op)
            await refuses(browser, row)


@pytest.mark.parametrize("der", [False, True], ids=["raw", "der"])
async def test_b03_es256_in_raw_and_der_form(launch: Launch, row: Row, op: HostileProvider, der: bool) -> None:
    site = await launch(provider_options={"algorithms": ("RS256", "ES256")})
    op.knobs.keys = (ELLIPTIC,)
    op.knobs.signer = ELLIPTIC
    if der:
        op.knobs.sign = ELLIPTIC.sign_der
        await refuses(site.browser(), row)
    else:
        row.expects(users=1, sessions=1)
        assert_ok(await site.browser().sign_in())


async def test_b03_es256_is_refused_unless_configured(browser: Browser, row: Row, op: HostileProvider) -> None:
    op.knobs.keys = (op.key, ELLIPTIC)
    op.knobs.signer = ELLIPTIC
    await refuses(browser, row)


async def test_b04_key_in_the_header(row: Row, op: HostileProvider, canary: HostileProvider, site: Site) -> None:
    for member in ["jwk", "jku", "x5u", "x5c"]:
        for kid in [True, False]:
            op.turn_honest()
            browser = site.browser()
            with case((member, kid)):
                own = STRANGER.public_jwk()
                values = {"jwk": own, "jku": f"{canary.issuer}/jwks", "x5u": f"{canary.issuer}/x5u", "x5c": ["MIIB"]}
                canary.knobs.keys = (STRANGER,)
                op.knobs.signer = STRANGER
                op.knobs.header = {member: values[member], "kid": STRANGER.kid if kid else MISSING}
                await refuses(browser, row)
                assert not canary.seen


async def test_b05_critical_header(row: Row, op: HostileProvider, site: Site) -> None:
    for header in [
        {"crit": ["exp"]},
        {"crit": ["belgie"], "belgie": 1},
        {"crit": []},
        {"crit": "b64"},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
    ]:
        op.turn_honest()
        browser = site.browser()
        with case(header):
            op.knobs.header = header
            await refuses(browser, row)
