"""Section B of the attack matrix: id_tokens, the keys that sign them, and userinfo."""

import asyncio
import json
import secrets
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from pydantic import ValidationError

from __tests__.auth.hostile import raw
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.keys import SigningKey, compact, ec_key, hs256, one_bit_flipped, rsa_key, unsigned
from __tests__.auth.hostile.knobs import MISSING, Answer
from __tests__.auth.hostile.outcomes import assert_er, assert_f403, assert_ok
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site
from auth import OIDCProviderSettings
from examples.alchemy.auth_models import User

type Launch = Callable[..., Awaitable[Site]]
type Turn = Callable[[HostileProvider], None]

STRANGER = rsa_key("a-strangers-key")
ELLIPTIC = ec_key("an-elliptic-key")


async def refuses(browser: Browser, row: Row) -> None:
    """The sign-in reaches the token endpoint once and ends at the error page."""
    row.expects(token_hits=1)
    assert_er(await browser.sign_in(), "invalid_id_token")


@pytest.mark.parametrize("spelling", ["none", "None", "NONE", "nOnE", "", None, 0, ["RS256"], MISSING])
@pytest.mark.parametrize("advertised", [False, True], ids=["quiet", "advertised"])
async def test_b01_unsigned(
    *, browser: Browser, row: Row, op: HostileProvider, spelling: object, advertised: bool
) -> None:
    op.knobs.header = {"alg": spelling}
    op.knobs.sign = unsigned
    if advertised:
        op.knobs.metadata = {"id_token_signing_alg_values_supported": ["none", "RS256"]}
    await refuses(browser, row)


@pytest.mark.parametrize("spelling", ["none", "None", "NONE"])
async def test_b01_alg_none_under_an_honest_signature(
    browser: Browser, row: Row, op: HostileProvider, spelling: str
) -> None:
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


@pytest.mark.parametrize("kind", ["pem", "pem-without-newline", "der", "jwk", "client-secret", "empty"])
async def test_b02_signed_with_a_public_or_shared_key(
    browser: Browser, row: Row, op: HostileProvider, kind: str
) -> None:
    op.knobs.header = {"alg": "HS256"}
    op.knobs.sign = hs256(_shared_keys(op)[kind])
    await refuses(browser, row)


async def test_b02_shared_key_published_in_the_key_set(browser: Browser, row: Row, op: HostileProvider) -> None:
    shared = b"a shared key that anyone can read in the key set"
    op.knobs.jwks = {"keys": [{"kty": "oct", "kid": op.key.kid, "alg": "HS256", "k": "YSBzaGFyZWQga2V5"}]}
    op.knobs.header = {"alg": "HS256"}
    op.knobs.sign = hs256(shared)
    await refuses(browser, row)


def _as_es256_der(op: HostileProvider) -> None:
    op.knobs.keys = (ELLIPTIC,)
    op.knobs.signer = ELLIPTIC
    op.knobs.sign = ELLIPTIC.sign_der


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
    "not-ascii": _not_a_token("é.é.é"),
    "long": _not_a_token("a" * 200_000),
}


@pytest.mark.parametrize("turn", BAD_SIGNATURES.values(), ids=BAD_SIGNATURES.keys())
async def test_b03_bad_signature(browser: Browser, row: Row, op: HostileProvider, turn: Turn) -> None:
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


@pytest.mark.parametrize("member", ["jwk", "jku", "x5u", "x5c"])
@pytest.mark.parametrize("kid", [True, False], ids=["kid", "no-kid"])
async def test_b04_key_in_the_header(
    *, browser: Browser, row: Row, op: HostileProvider, canary: HostileProvider, member: str, kid: bool
) -> None:
    own = STRANGER.public_jwk()
    values = {"jwk": own, "jku": f"{canary.issuer}/jwks", "x5u": f"{canary.issuer}/x5u", "x5c": ["MIIB"]}
    canary.knobs.keys = (STRANGER,)
    op.knobs.signer = STRANGER
    op.knobs.header = {member: values[member], "kid": STRANGER.kid if kid else MISSING}
    await refuses(browser, row)
    assert not canary.seen


@pytest.mark.parametrize(
    "header",
    [
        {"crit": ["exp"]},
        {"crit": ["belgie"], "belgie": 1},
        {"crit": []},
        {"crit": "b64"},
        {"b64": False},
        {"b64": False, "crit": ["b64"]},
        {"zip": "DEF"},
    ],
    ids="-".join,
)
async def test_b05_critical_header(browser: Browser, row: Row, op: HostileProvider, header: dict[str, Any]) -> None:
    op.knobs.header = header
    await refuses(browser, row)


@pytest.mark.parametrize(
    "kind", ["evil", "missing", "slash", "upper", "list", "null", "number", "empty", "no-scheme", "path", "google"]
)
async def test_b06_wrong_issuer(
    *, browser: Browser, row: Row, op: HostileProvider, evil: HostileProvider, kind: str
) -> None:
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


@pytest.mark.parametrize(
    "kind",
    [
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
    ],
)
async def test_b07_wrong_audience(browser: Browser, row: Row, op: HostileProvider, kind: str) -> None:
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


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": MISSING},
        {"sub": ""},
        {"sub": None},
        {"sub": 42},
        {"sub": ["alice"]},
        {"sub": "s" * 256},
        {"sub": "al\x00ice"},
        {"sub": "al\ud800ice"},
        {"exp": MISSING},
    ],
    ids=["missing", "empty", "null", "number", "list", "long", "nul", "surrogate", "no-exp"],
)
async def test_b09_required_claims(browser: Browser, row: Row, op: HostileProvider, claims: dict[str, object]) -> None:
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


@pytest.mark.parametrize("turn", BAD_TIMES.values(), ids=BAD_TIMES.keys())
async def test_b10_wrong_times(browser: Browser, row: Row, op: HostileProvider, turn: Turn) -> None:
    turn(op)
    await refuses(browser, row)


@pytest.mark.parametrize(
    "turn",
    [_at("exp", -55), _at("iat", 55), _at("nbf", 55), _at("iat", -590)],
    ids=["exp", "iat", "nbf", "iat-old"],
)
async def test_b11_skew_within_the_leeway(browser: Browser, row: Row, op: HostileProvider, turn: Turn) -> None:
    row.expects(users=1, sessions=1)
    turn(op)
    assert_ok(await browser.sign_in())


@pytest.mark.parametrize("turn", [_at("exp", -65), _at("iat", 65), _at("nbf", 65)], ids=["exp", "iat", "nbf"])
async def test_b11_skew_beyond_the_leeway(browser: Browser, row: Row, op: HostileProvider, turn: Turn) -> None:
    turn(op)
    await refuses(browser, row)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"null", b'"text"', b"{", b"\xff\xfe", b"[" * 5000 + b"]" * 5000, b"\xef\xbb\xbf{}"],
    ids=["empty", "list", "null", "text", "cut", "not-utf8", "deep", "bom"],
)
async def test_b12_payload_that_is_no_object(browser: Browser, row: Row, op: HostileProvider, payload: bytes) -> None:
    op.knobs.payload = payload
    await refuses(browser, row)


async def test_b13_rotated_key_is_fetched_once(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("before")).sign_in())
    assert op.hits["jwks"] == 1
    site.stage.clock.advance(61)  # a refetch is allowed once a minute
    new = rsa_key("the-next-key")
    op.knobs.keys = (op.key, new)
    op.knobs.signer = new
    assert_ok(await site.browser(person("after")).sign_in())
    assert op.hits["jwks"] == 2


async def test_b14_random_key_ids_do_not_hammer_the_key_set(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=101)
    assert_ok(await site.browser(person("warm")).sign_in())
    site.stage.clock.advance(61)
    op.knobs.header = {"kid": lambda: secrets.token_hex(8)}
    urls = [(browser := site.browser(), await browser.reach_callback()) for _ in range(100)]
    answers = await asyncio.gather(*(browser.callback(url) for browser, url in urls))
    for answer in answers:
        assert_er(answer, "invalid_id_token")
    assert op.hits["jwks"] <= 2


async def test_b14_cold_key_set_is_fetched_by_one(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=20, sessions=20)
    urls = [(browser := site.browser(person(f"p{number}")), await browser.reach_callback()) for number in range(20)]
    op.knobs.delays = {"jwks": 0.2}
    answers = await asyncio.gather(*(browser.callback(url) for browser, url in urls))
    for answer in answers:
        assert_ok(answer)
    assert op.hits["jwks"] == 1
    assert op.hits["discovery"] == 1


async def test_b15_no_key_id_and_one_key(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.header = {"kid": MISSING}
    assert_ok(await browser.sign_in())


async def test_b15_no_key_id_and_one_fitting_key_of_several(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.keys = (ELLIPTIC, op.key)
    op.knobs.header = {"kid": MISSING}
    assert_ok(await browser.sign_in())


@pytest.mark.parametrize("members", [{"use": "enc"}, {"alg": "RS512"}, {"kty": "EC"}, {"n": "AQAB"}, {"n": 7}])
async def test_b15_no_key_id_and_no_fitting_key(
    browser: Browser, row: Row, op: HostileProvider, members: dict[str, Any]
) -> None:
    op.knobs.jwks = {"keys": [op.key.public_jwk(**members), ELLIPTIC.public_jwk()]}
    op.knobs.header = {"kid": MISSING}
    await refuses(browser, row)


async def test_b15_key_id_of_another_kind_of_key(browser: Browser, row: Row, op: HostileProvider) -> None:
    op.knobs.keys = (op.key, ELLIPTIC)
    op.knobs.header = {"kid": ELLIPTIC.kid}
    await refuses(browser, row)


@pytest.mark.parametrize("kid", [7, None, ["a"], {"a": 1}, "", "../../../etc/passwd", "' OR 1=1--"])
async def test_b15_strange_key_id(browser: Browser, row: Row, op: HostileProvider, kid: object) -> None:
    op.knobs.header = {"kid": kid}
    await refuses(browser, row)


@pytest.mark.parametrize("at_hash", ["AAAAAAAAAAAAAAAAAAAAAA", "", None, 7, ["x"]])
async def test_b16_wrong_access_token_hash(browser: Browser, row: Row, op: HostileProvider, at_hash: object) -> None:
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


@pytest.mark.parametrize(
    "behaviour", [raw.fifty_megabytes, raw.never_ends, raw.gzip_bomb], ids=["fifty-mb", "never-ends", "gzip-bomb"]
)
async def test_b18_key_set_without_end(site: Site, row: Row, op: HostileProvider, behaviour: raw.Behaviour) -> None:
    row.expects(token_hits=1)
    server = raw.RawServer(behaviour)
    op.knobs.metadata = {"jwks_uri": server.serve(site.stage.outside)}
    browser = site.browser()
    url = await browser.reach_callback()
    tracemalloc.start()
    started = time.monotonic()
    try:
        answer = await browser.callback(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_er(answer, "provider_unavailable")
    assert time.monotonic() - started < 5
    assert peak < 20 * raw.MEBIBYTE


@pytest.mark.parametrize("number", [101, 100_000])
async def test_b18_too_many_keys(site: Site, row: Row, op: HostileProvider, number: int) -> None:
    row.expects(token_hits=1)
    few = [{"kty": "oct", "k": "AA", "kid": str(index)} for index in range(number - 1)]
    body = json.dumps({"keys": [*few, op.key.public_jwk()]}).encode()
    op.knobs.answers = {"jwks": Answer(body=body)}
    assert_er(await site.browser().sign_in(), "provider_unavailable")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(404, b"{}"),
        Answer(200, b"<html>"),
        Answer(200, b"{}"),
        Answer(200, b"[]"),
        Answer(200, b'{"keys": {}}'),
        Answer(200, b'{"keys": null}'),
        Answer(302, headers={"location": "/jwks-elsewhere"}),
    ],
    ids=["500", "404", "html", "no-keys", "list", "object", "null", "redirect"],
)
async def test_b19_no_key_set_when_cold(site: Site, row: Row, op: HostileProvider, answer: Answer) -> None:
    row.expects(token_hits=1)
    op.knobs.answers = {"jwks": answer}
    assert_er(await site.browser().sign_in(), "provider_unavailable")
    assert op.hits["elsewhere"] == 0


async def test_b19_key_set_down_when_warm(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("first")).sign_in())
    op.knobs.answers = {"jwks": Answer(503), "discovery": Answer(503)}
    site.stage.clock.advance(3000)
    assert_ok(await site.browser(person("second")).sign_in())


async def test_b19_keys_are_forgotten_after_an_hour(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=2, sessions=2)
    assert_ok(await site.browser(person("first")).sign_in())
    site.stage.clock.advance(3601)
    assert_ok(await site.browser(person("second")).sign_in())
    assert op.hits["jwks"] == 2


BAD_USERINFO: dict[str, Turn] = {
    "another-sub": lambda op: setattr(op.knobs, "userinfo_members", {"sub": "mallory"}),
    "sub-in-other-case": lambda op: setattr(op.knobs, "userinfo_members", {"sub": "ALICE"}),
    "no-sub": lambda op: setattr(op.knobs, "userinfo_members", {"sub": MISSING}),
    "sub-in-a-list": lambda op: setattr(op.knobs, "userinfo_members", {"sub": ["alice"]}),
    "victims-address": lambda op: setattr(
        op.knobs, "userinfo_members", {"sub": "mallory", "email": "victim@people.example"}
    ),
    "signed": lambda op: setattr(
        op.knobs, "answers", {"userinfo": Answer(200, b"e30.e30.e30", {"content-type": "application/jwt"})}
    ),
    "html": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b"<html>alice</html>")}),
    "list": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b'[{"sub": "alice"}]')}),
    "empty": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b"")}),
    "204": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(204)}),
    "401": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(401, b'{"sub": "alice"}')}),
}


@pytest.mark.parametrize("turn", BAD_USERINFO.values(), ids=BAD_USERINFO.keys())
async def test_b20_bad_userinfo(browser: Browser, row: Row, op: HostileProvider, turn: Turn) -> None:
    row.expects(token_hits=1)
    op.knobs.claims = {"email": MISSING, "email_verified": MISSING}
    turn(op)
    assert_er(await browser.sign_in(), "invalid_userinfo")


async def test_b20_honest_userinfo_completes_the_token(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"email": MISSING, "email_verified": MISSING}
    assert_ok(await browser.sign_in())
    assert (await browser.me()).json()["email"] == "alice@people.example"


async def test_b20_userinfo_does_not_vouch_for_the_tokens_address(
    browser: Browser, row: Row, op: HostileProvider, launch: Launch
) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_options={"userinfo": "always"})
    op.knobs.claims = {"email_verified": False}
    op.knobs.userinfo_members = {"email": "other@people.example", "email_verified": True}
    assert_ok(await site.browser().sign_in())
    (user,) = await site.rows(User)
    assert (user.email, user.email_verified) == ("alice@people.example", False)


BAD_TOKEN_ANSWERS: dict[str, dict[str, object]] = {
    "no-id-token": {"id_token": MISSING},
    "id-token-null": {"id_token": None},
    "id-token-empty": {"id_token": ""},
    "id-token-list": {"id_token": ["a.b.c"]},
    "token-type-mac": {"token_type": "mac"},
    "token-type-number": {"token_type": 1},
    "no-access-token": {"access_token": MISSING},
    "access-token-empty": {"access_token": ""},
    "access-token-number": {"access_token": 7},
    "access-token-null": {"access_token": None},
    "refresh-token-object": {"refresh_token": {}},
}


@pytest.mark.parametrize("members", BAD_TOKEN_ANSWERS.values(), ids=BAD_TOKEN_ANSWERS.keys())
async def test_b22_incomplete_token_answer(
    browser: Browser, row: Row, op: HostileProvider, members: dict[str, object]
) -> None:
    row.expects(token_hits=1)
    op.knobs.token_members = members
    assert_er(await browser.sign_in(), "invalid_token_response")


@pytest.mark.parametrize("expires_in", ["soon", -1, 0, 1e308, 10**30, True, None, [], MISSING])
async def test_b22_strange_token_lifetime(browser: Browser, row: Row, op: HostileProvider, expires_in: object) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.token_members = {"expires_in": expires_in}
    assert_ok(await browser.sign_in())


@pytest.mark.parametrize("scope", ["openid admin read", "", "openid", MISSING])
async def test_b23_granted_scope_gives_no_right(browser: Browser, row: Row, op: HostileProvider, scope: object) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.token_members = {"scope": scope}
    op.knobs.claims = {"scope": "admin", "scopes": ["admin"], "roles": ["admin"]}
    assert_ok(await browser.sign_in())
    assert_f403(await browser.get("/admin"), "insufficient_scope")
    assert not (await browser.me()).json()["scopes"]
