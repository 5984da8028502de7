"""What the attack matrix does not ask of an id_token: every algorithm, and claims that have no UTF-8 form."""

import hashlib
import json
import warnings
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from __tests__.auth.providers.fake import NONCE, FakeProvider
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey

from auth import OAuthError
from auth.providers import IdToken, ProviderContext
from auth.providers.discovery import Discovery
from auth.providers.id_token import HASHES, IdTokenRules, IdTokenVerifier

KEYS: dict[str, Any] = {
    "RS": RSAKey.generate_key(2048),
    "ES256": ECKey.generate_key("P-256"),
    "ES384": ECKey.generate_key("P-384"),
    "ES512": ECKey.generate_key("P-521"),
    "Ed": OKPKey.generate_key("Ed25519"),
}
KEYS["PS"] = KEYS["RS"]


def key_for(algorithm: str) -> Any:
    return KEYS.get(algorithm) or KEYS[algorithm[:2]]


class Issuer:
    """Signs with any algorithm, by a library that nobody here wrote."""

    def __init__(self, server: FakeProvider, context: ProviderContext) -> None:
        self.server = server
        self.context = context
        server.describe(server.url)

    def verifier(self, *algorithms: str, **rules: Any) -> IdTokenVerifier:
        made = IdTokenRules(
            issuers=frozenset({self.server.url}), client_id="belgie", algorithms=algorithms or ("RS256",), **rules
        )
        return IdTokenVerifier(Discovery(self.context, self.server.url), made, self.context.clock)

    def publish(self, *keys: Any, **members: Any) -> None:
        self.server.keys = [{**key.as_dict(private=False), **members} for key in keys]

    def token(self, algorithm: str = "RS256", **claims: Any) -> str:
        now = int(self.context.clock().timestamp())
        honest = {"iss": self.server.url, "sub": "jane", "aud": "belgie", "iat": now, "exp": now + 60, "nonce": NONCE}
        registry = jws.JWSRegistry(algorithms=[algorithm])
        payload = json.dumps({**honest, **claims})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # the issuer still says EdDSA for Ed25519
            return jws.serialize_compact({"alg": algorithm}, payload, key_for(algorithm), registry=registry)


@pytest.fixture
def issuer(server: FakeProvider, context: ProviderContext) -> Issuer:
    return Issuer(server, context)


async def verify(verifier: IdTokenVerifier, token: str, access_token: str | None = "at") -> IdToken:
    return await verifier.verify(token, nonce=NONCE, access_token=access_token)


async def refused(verifier: IdTokenVerifier, token: str, access_token: str | None = "at") -> str:
    with pytest.raises(OAuthError) as caught:
        await verify(verifier, token, access_token)
    assert caught.value.code == "invalid_id_token"
    return str(caught.value)


def left_half(algorithm: str, text: str) -> str:
    digest = hashlib.new(HASHES[algorithm], text.encode()).digest()
    return urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()


@pytest.mark.parametrize("algorithm", HASHES)
async def test_every_algorithm_with_a_public_key_can_be_accepted(issuer: Issuer, algorithm: str) -> None:
    issuer.publish(*KEYS.values())
    token = issuer.token(algorithm, at_hash=left_half(algorithm, "at"))
    found = await verify(issuer.verifier(algorithm), token)
    assert (found.issuer, found.subject) == (issuer.server.url, "jane")
    assert "at_hash" in await refused(issuer.verifier(algorithm), token, "another")
    others = [one for one in HASHES if one != algorithm]
    assert "algorithm" in await refused(issuer.verifier(*others), token)


@pytest.mark.parametrize("algorithm", HASHES)
async def test_a_key_for_encryption_or_another_algorithm_signs_nothing(issuer: Issuer, algorithm: str) -> None:
    token = issuer.token(algorithm)
    for members in ({"use": "enc"}, {"alg": "XX256"}, {"use": "sig", "alg": "none"}, {"use": None}):
        issuer.publish(key_for(algorithm), **members)
        assert "signature" in await refused(issuer.verifier(algorithm), token)
    issuer.publish(key_for(algorithm), use="sig", alg=algorithm)
    assert (await verify(issuer.verifier(algorithm), token)).subject == "jane"


@pytest.mark.parametrize(
    "broken", [{"kty": "RSA"}, {"kty": "RSA", "n": 7, "e": "AQAB"}, {"kty": "RSA", "n": "é", "e": "AQAB"}]
)
async def test_a_broken_key_does_not_hide_a_good_one(issuer: Issuer, broken: dict[str, Any]) -> None:
    broken = {"kty": "RSA", **broken}
    issuer.server.keys = [broken, KEYS["RS"].as_dict(private=False)]
    assert (await verify(issuer.verifier(), issuer.token())).subject == "jane"
    issuer.server.keys = [broken]
    await refused(issuer.verifier(), issuer.token())


@pytest.mark.parametrize("value", ["\ud800", "é", "", None, 7, [NONCE], {}], ids=ascii)
async def test_a_nonce_or_hash_that_is_no_ascii_text_is_wrong(issuer: Issuer, value: object) -> None:
    issuer.publish(KEYS["RS"])
    assert "nonce" in await refused(issuer.verifier(), issuer.token(nonce=value))
    assert "at_hash" in await refused(issuer.verifier(), issuer.token(at_hash=value))


async def test_a_hash_needs_an_access_token(issuer: Issuer) -> None:
    issuer.publish(KEYS["RS"])
    token = issuer.token(at_hash=left_half("RS256", ""))
    assert "at_hash" in await refused(issuer.verifier(), token, None)


async def test_a_nonce_may_be_missing_only_where_that_is_known(issuer: Issuer) -> None:
    issuer.publish(KEYS["RS"])
    now = int(issuer.context.clock().timestamp())
    without = {"iss": issuer.server.url, "sub": "jane", "aud": "belgie", "iat": now, "exp": now + 60}
    issuer.server.keys = None
    token = issuer.server.sign(without)
    assert "nonce" in await refused(issuer.verifier(), token)
    lenient = issuer.verifier(nonce_required=False)
    assert (await verify(lenient, token)).subject == "jane"
    for wrong in ("another", None, ""):
        assert "nonce" in await refused(lenient, issuer.server.sign({**without, "nonce": wrong}))


async def test_the_claims_show_nowhere(issuer: Issuer) -> None:
    issuer.publish(KEYS["RS"])
    found = await verify(issuer.verifier(), issuer.token(email="jane@people.example"))
    assert found.claims["email"] == "jane@people.example"
    assert "jane@people.example" not in repr(found)
