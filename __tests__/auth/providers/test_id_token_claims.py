"""What an id_token may claim, to the second and to the character, and what its header may not say."""

from dataclasses import dataclass, replace
from typing import Any

import pytest
from __tests__.auth.hostile.keys import b64url, compact, ec_key, rsa_key
from __tests__.auth.providers.fake import NONCE, FakeProvider
from __tests__.auth.session.still_clock import StillClock

from auth import OAuthError
from auth.providers import IdToken, ProviderContext
from auth.providers.discovery import Discovery
from auth.providers.id_token import HASHES, IdTokenRules, IdTokenVerifier

ABSENT = object()
LEEWAY = 60
OLDEST = 10 * 60 + LEEWAY
YEAR_10000 = 253_402_300_800
EXPIRED = "exp is missing or has passed"
ALGORITHM = "the algorithm is not accepted"
SIGNATURE = "the signature is not by a key of the issuer"
PAYLOAD = "the payload is not a JSON object"


@dataclass
class Issuer:
    """A provider with one key, and a clock that stands still."""

    server: FakeProvider
    context: ProviderContext
    clock: StillClock

    def verifier(self, **rules: Any) -> IdTokenVerifier:
        made = replace(IdTokenRules(issuers=frozenset({self.server.url}), client_id="belgie"), **rules)
        return IdTokenVerifier(Discovery(self.context, self.server.url), made, self.clock)

    def claims(self, **changes: object) -> dict[str, Any]:
        now = self.clock().timestamp()
        honest = {"iss": self.server.url, "sub": "jane", "aud": "belgie", "iat": now, "exp": now + 300, "nonce": NONCE}
        return {name: value for name, value in {**honest, **changes}.items() if value is not ABSENT}

    def token(self, **changes: object) -> str:
        return self.server.sign(self.claims(**changes))


@pytest.fixture
def issuer(server: FakeProvider, context: ProviderContext) -> Issuer:
    server.describe(server.url)
    clock = StillClock()
    return Issuer(server, replace(context, clock=clock), clock)


async def accepted(verifier: IdTokenVerifier, token: str) -> IdToken:
    return await verifier.verify(token, nonce=NONCE, access_token="at")


async def reason(verifier: IdTokenVerifier, token: str, nonce: str = NONCE) -> str:
    """Why the token is refused."""
    with pytest.raises(OAuthError) as caught:
        await verifier.verify(token, nonce=nonce, access_token="at")
    assert caught.value.code == "invalid_id_token"
    return str(caught.value).removeprefix("id_token refused: ")


async def test_the_issuer_is_exactly_the_one_configured(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    url = issuer.server.url
    assert (await accepted(verifier, issuer.token())).issuer == url
    for wrong in (ABSENT, None, "", url + "/", url.upper(), [url], {url: url}, 7, True, "https://other.example"):
        assert await reason(verifier, issuer.token(iss=wrong)) == "iss is not the issuer"


async def test_a_subject_is_a_printable_text_of_1_to_255_characters(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    for subject in ("j", "x" * 255, "jäne", "a b"):
        assert (await accepted(verifier, issuer.token(sub=subject))).subject == subject
    for wrong in (ABSENT, None, "", "x" * 256, "a\nb", "a\x00", "\u200b", 7, True, ["jane"], {}):
        assert await reason(verifier, issuer.token(sub=wrong)) == "sub is missing, too long or not printable"


async def test_the_audience_is_the_client_and_nobody_else(issuer: Issuer) -> None:
    verifier = issuer.verifier(trusted_audiences=frozenset({"ours"}))
    for aud, azp in (
        ("belgie", ABSENT),
        (["belgie"], ABSENT),
        (["belgie"], None),
        ("belgie", "belgie"),
        (["belgie", "ours"], "belgie"),
        (["ours", "belgie"], "belgie"),
    ):
        await accepted(verifier, issuer.token(aud=aud, azp=azp))
    for aud in (ABSENT, None, "", [], "ours", ["ours"], "belgie2", "elgi", "BELGIE", 7, {"belgie": 1}, [["belgie"]]):
        for azp in (ABSENT, "belgie"):
            assert await reason(verifier, issuer.token(aud=aud, azp=azp)) == "aud does not hold the client"
    for stranger in ("evil", None, 7, True, ""):
        assert await reason(verifier, issuer.token(aud=["belgie", stranger], azp="belgie")) == "aud holds a stranger"


async def test_the_authorized_party_is_the_client(issuer: Issuer) -> None:
    verifier = issuer.verifier(trusted_audiences=frozenset({"ours"}))
    for wrong in ("", "evil", "ours", "BELGIE", ["belgie"], 7, False):
        assert await reason(verifier, issuer.token(azp=wrong)) == "azp is not the client"
        assert await reason(verifier, issuer.token(aud=["belgie", "ours"], azp=wrong)) == "azp is not the client"
    for absent in (ABSENT, None):
        assert await reason(verifier, issuer.token(aud=["belgie", "ours"], azp=absent)) == "several aud, and no azp"


async def test_times_count_to_the_second_with_a_minute_of_leeway(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    now = issuer.clock().timestamp()
    for name, good, bad in (
        ("exp", now - LEEWAY + 0.5, now - LEEWAY),
        ("iat", now + LEEWAY, now + LEEWAY + 0.5),
        ("iat", now - OLDEST, now - OLDEST - 0.5),
        ("nbf", now + LEEWAY, now + LEEWAY + 0.5),
    ):
        await accepted(verifier, issuer.token(**{name: good}))
        assert (await reason(verifier, issuer.token(**{name: bad}))).startswith(f"{name} is ")
    token = issuer.token(exp=now + 1)
    issuer.clock.advance(LEEWAY)
    await accepted(verifier, token)
    issuer.clock.advance(1)
    assert await reason(verifier, token) == EXPIRED


async def test_a_time_is_a_number_that_is_a_point_in_time(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    await accepted(verifier, issuer.token(nbf=0, iat=int(issuer.clock().timestamp())))
    for name in ("exp", "iat", "nbf"):
        for wrong in (
            None,
            True,
            False,
            "",
            "1",
            str(issuer.clock().timestamp()),
            [],
            {},
            YEAR_10000,
            1e300,
            -1e300,
            10**400,
        ):
            assert await reason(verifier, issuer.token(**{name: wrong})) == f"{name} is not a point in time"
    for name in ("exp", "iat"):
        assert (await reason(verifier, issuer.token(**{name: ABSENT}))).startswith(f"{name} is missing")


async def test_the_nonce_is_that_of_the_request(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    for wrong in (ABSENT, None, "", NONCE + "x", NONCE[:-1], NONCE.upper(), [NONCE], True):
        assert await reason(verifier, issuer.token(nonce=wrong)) == "nonce is not that of the request"
    assert await reason(verifier, issuer.token(), nonce="another") == "nonce is not that of the request"


async def test_a_header_that_brings_its_own_key_or_rules_is_refused(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    key = issuer.server.key
    honest = {"alg": "RS256", "kid": key.kid}
    await accepted(verifier, compact({**honest, "typ": "JWT", "cty": "x", "own": 1}, issuer.claims(), key.sign))
    own: dict[str, object] = {
        "jwk": ec_key("own").public_jwk(),
        "jku": issuer.server.url,
        "x5c": ["x"],
        "x5u": issuer.server.url,
    }
    rules: dict[str, object] = {"crit": ["exp"], "b64": True, "zip": "DEF"}
    for name, value in {**own, **rules}.items():
        for one in (value,) if name == "b64" else (value, None):
            token = compact({**honest, name: one}, issuer.claims(), key.sign)
            assert await reason(verifier, token) == "the header names a key or an extension of its own", name


async def test_the_algorithm_is_one_of_those_configured(issuer: Issuer) -> None:
    key = issuer.server.key
    for wrong in (None, "", "none", "HS256", "RS384", "rs256", 256, ["RS256"], {"RS256": 1}):
        header = {"kid": key.kid, "alg": wrong}
        assert await reason(issuer.verifier(), compact(header, issuer.claims(), key.sign)) == ALGORITHM
    # rules that someone made by hand do not open what has no public key
    for algorithm in ("none", "HS256"):
        token = compact({"alg": algorithm, "kid": key.kid}, issuer.claims(), key.sign)
        assert await reason(issuer.verifier(algorithms=("RS256", algorithm)), token) == ALGORITHM


async def test_the_key_is_the_one_that_the_header_names(issuer: Issuer) -> None:
    ours, other, elliptic = issuer.server.key, rsa_key("other"), ec_key("elliptic")
    issuer.server.keys = [other.public_jwk(), elliptic.public_jwk(), ours.public_jwk()]
    verifier = issuer.verifier()
    for signer in (ours, other):
        await accepted(verifier, compact({"alg": "RS256", "kid": signer.kid}, issuer.claims(), signer.sign))
        await accepted(verifier, compact({"alg": "RS256"}, issuer.claims(), signer.sign))
    for kid in (other.kid, elliptic.kid, "unknown", "", 7, ["x"]):
        assert await reason(verifier, compact({"alg": "RS256", "kid": kid}, issuer.claims(), ours.sign)) == SIGNATURE
    assert issuer.server.hits["/keys"] == 1


async def test_a_key_that_cannot_be_read_is_no_reason_to_give_up(issuer: Issuer) -> None:
    ours = ec_key("ours")
    issuer.server.keys = [
        *(
            {**ours.public_jwk(), name: wrong}
            for name in ("crv", "x")
            for wrong in ("", "P-257", None, 7, [], "\ud800")
        ),
        {name: value for name, value in ours.public_jwk().items() if name != "y"},
        ours.public_jwk(),
    ]
    verifier = issuer.verifier(algorithms=["ES256"])
    await accepted(verifier, compact({"alg": "ES256", "kid": ours.kid}, issuer.claims(), ours.sign))
    issuer.server.keys = issuer.server.keys[:-1]
    issuer.clock.advance(60)
    again = issuer.verifier(algorithms=["ES256"])
    assert await reason(again, compact({"alg": "ES256", "kid": ours.kid}, issuer.claims(), ours.sign)) == SIGNATURE


async def test_new_keys_are_fetched_for_an_unknown_name_once_a_minute(issuer: Issuer) -> None:
    old, new = issuer.server.key, rsa_key("new")
    verifier = issuer.verifier()
    await accepted(verifier, issuer.token())
    issuer.server.keys = [old.public_jwk(), new.public_jwk()]
    issuer.clock.advance(59)
    token = compact({"alg": "RS256", "kid": new.kid}, issuer.claims(), new.sign)
    assert await reason(verifier, token) == SIGNATURE
    assert issuer.server.hits["/keys"] == 1
    issuer.clock.advance(1)
    await accepted(verifier, token)
    await accepted(verifier, issuer.token())
    assert issuer.server.hits["/keys"] == 2


async def test_what_is_no_signed_object_is_refused(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    key = issuer.server.key
    token = issuer.token()
    head, body, _ = token.split(".")
    for wrong in ("", ".", "..", "a.b", f"{head}.{body}", f"{head}.{body}.", f"{token}.x", f"é{token}", "x" * 65_537):
        with pytest.raises(OAuthError) as caught:
            await verifier.verify(wrong, nonce=NONCE, access_token="at")
        assert caught.value.code == "invalid_id_token", wrong
    for payload in ([], "text", 7, None, [["iss", issuer.server.url]]):
        assert await reason(verifier, compact({"alg": "RS256", "kid": key.kid}, payload, key.sign)) == PAYLOAD
    for payload in (b"", b"{", b"\xff", b'{"iss": NaN}', b"not JSON"):
        token = compact({"alg": "RS256", "kid": key.kid}, payload, key.sign)
        assert await reason(verifier, token) == "the payload is not JSON"


@pytest.mark.parametrize("header", [b"", b"{", b"[]", b'"RS256"', b"7", b"null", b"\xff", b"{}", b"[" * 300, b"!"])
async def test_a_header_that_is_no_object_with_an_algorithm_is_refused(issuer: Issuer, header: bytes) -> None:
    _, body, signature = issuer.token().split(".")
    for encoded in (b64url(header), header.decode("latin-1")):
        with pytest.raises(OAuthError) as caught:
            await accepted(issuer.verifier(), f"{encoded}.{body}.{signature}")
        assert caught.value.code == "invalid_id_token"


async def test_a_token_has_at_most_64_kib(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    key = issuer.server.key
    header: dict[str, object] = {"alg": "RS256", "kid": key.kid}
    empty = len(issuer.token(filling=""))
    fits = ""
    for filling in range((65_536 - empty) * 3 // 4 - 8, 65_536):
        token = compact(header, issuer.claims(filling="x" * filling), key.sign)
        if len(token) > 65_536:
            break
        fits = token
    assert len(fits) == 65_536, "no filling gives this length: change the claims"
    await accepted(verifier, fits)
    assert await reason(verifier, token) == "too long, or not ASCII"


async def test_keys_that_cannot_have_signed_are_no_reason_not_to_ask_for_newer_ones(issuer: Issuer) -> None:
    key = issuer.server.key
    token = compact({"alg": "RS256"}, issuer.claims(exp=issuer.clock().timestamp() + 900), key.sign)
    for other in (
        {**ec_key("elliptic").public_jwk(), "alg": "RS256"},
        {**rsa_key("old").public_jwk(), "use": "enc"},
        {**rsa_key("old").public_jwk(), "alg": "RS512"},
    ):
        issuer.server.keys = [other]
        verifier = issuer.verifier()
        assert await reason(verifier, token) == SIGNATURE
        issuer.clock.advance(60)
        issuer.server.keys = None
        assert (await accepted(verifier, token)).subject == "jane"


async def test_a_tenant_that_is_no_text_names_no_issuer(issuer: Issuer) -> None:
    template = "https://login.example/{tenantid}/v2.0"
    verifier = issuer.verifier(issuers=frozenset(), issuer_template=template)
    ours = "https://login.example/ours/v2.0"
    assert (await accepted(verifier, issuer.token(iss=ours, tid="ours"))).issuer == ours
    for tenant in (ABSENT, None, 7, ["ours"], {}, "", "theirs"):
        assert await reason(verifier, issuer.token(iss=ours, tid=tenant)) == "iss is not the issuer"


async def test_a_key_that_is_listed_for_several_issuers_signs_for_each_of_them(issuer: Issuer) -> None:
    template = "https://login.example/{tenantid}/v2.0"
    verifier = issuer.verifier(issuers=frozenset(), issuer_template=template)
    jwk = issuer.server.key.public_jwk()
    owners = [template.replace("{tenantid}", tenant) for tenant in ("ours", "theirs")]
    issuer.server.keys = [{**jwk, "issuer": owner} for owner in owners]
    for tenant, owner in zip(("ours", "theirs"), owners, strict=True):
        assert (await accepted(verifier, issuer.token(iss=owner, tid=tenant))).issuer == owner
    third = template.replace("{tenantid}", "third")
    assert await reason(verifier, issuer.token(iss=third, tid="third")) == "the signature is by a key of another issuer"


def test_the_rules_are_strict_unless_told_otherwise() -> None:
    rules = IdTokenRules(issuers=frozenset({"https://op.example"}), client_id="belgie")
    assert rules.algorithms == ("RS256",)
    assert rules.trusted_audiences == frozenset()
    assert rules.issuer_template is None
    assert rules.nonce_required


def test_only_signatures_with_a_public_key_can_be_chosen_each_with_the_hash_in_its_name() -> None:
    by_name = {f"{family}{size}": f"sha{size}" for family in ("RS", "PS", "ES") for size in (256, 384, 512)}
    # Ed25519 hashes with SHA-512 (RFC 8032, section 5.1)
    assert by_name | {"EdDSA": "sha512", "Ed25519": "sha512"} == HASHES
