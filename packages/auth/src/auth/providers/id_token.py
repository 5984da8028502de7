"""The one place where an id_token is believed (OpenID Connect Core 1.0, section 3.1.3.7)."""

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, cast

from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import import_key

from auth.core.exceptions import OAuthError
from auth.providers.discovery import Discovery
from auth.utils.clock import Clock
from auth.utils.crypto import base64url, equal
from auth.utils.json import parse_json

#: Algorithms with a public key, and the hash that `at_hash` uses with each. `none` and HMAC can never be chosen.
HASHES: Final[Mapping[str, str]] = {
    "RS256": "sha256",
    "RS384": "sha384",
    "RS512": "sha512",
    "PS256": "sha256",
    "PS384": "sha384",
    "PS512": "sha512",
    "ES256": "sha256",
    "ES384": "sha384",
    "ES512": "sha512",
    "EdDSA": "sha512",
    "Ed25519": "sha512",
}

_LEEWAY: Final = timedelta(seconds=60)
_MAXIMUM_AGE: Final = timedelta(minutes=10)
_MAXIMUM_TOKEN: Final = 64 * 1024
_MAXIMUM_SUBJECT: Final = 255
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC).timestamp()
_REFUSED_HEADERS: Final = frozenset({"jwk", "jku", "x5c", "x5u", "crit", "b64", "zip"})
_KEY_TYPES: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class IdTokenRules:
    """What a valid id_token says.

    Attributes:
        issuers: the accepted values of `iss`.
        client_id: what `aud` holds.
        algorithms: the accepted signature algorithms; the token's header chooses among them, never beyond.
        trusted_audiences: what else `aud` may hold.
        issuer_template: an issuer with `{tenantid}` in the place of the token's own `tid` (Microsoft).
        nonce_required: false for a provider that leaves the nonce out; one that is there must be right all the same.
    """

    issuers: frozenset[str]
    client_id: str
    algorithms: Sequence[str] = ("RS256",)
    trusted_audiences: frozenset[str] = frozenset()
    issuer_template: str | None = None
    nonce_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IdToken:
    """A verified and validated id_token."""

    issuer: str
    subject: str
    claims: Mapping[str, Any] = field(repr=False)


class IdTokenVerifier:
    """Verifies the signature and validates the claims of id_tokens, in one call that cannot be half done."""

    def __init__(self, discovery: Discovery, rules: IdTokenRules, clock: Clock) -> None:
        self._discovery = discovery
        self._rules = rules
        self._clock = clock
        self._registry = jws.JWSRegistry(algorithms=list(rules.algorithms), strict_check_header=False)

    async def verify(self, token: str, *, nonce: str, access_token: str | None) -> IdToken:
        """Return the token's content.

        Raises:
            OAuthError: `invalid_id_token` for whatever is wrong with the token; `provider_unavailable` if the keys
                cannot be fetched.
        """
        signature = _extract(token)
        header = signature.headers()
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in self._rules.algorithms or algorithm not in HASHES:
            _refuse("the algorithm is not accepted")
        if not _REFUSED_HEADERS.isdisjoint(header):
            _refuse("the header names a key or an extension of its own")
        signers = await self._verify_signature(signature, algorithm, header.get("kid"))
        claims = _parse_claims(signature.payload)
        self._validate(claims, nonce)
        self._check_signers(signers, claims)
        _check_access_token_hash(claims, algorithm, access_token)
        return IdToken(issuer=claims["iss"], subject=claims["sub"], claims=claims)

    async def _verify_signature(
        self, signature: jws.CompactSignature, algorithm: str, key_id: object
    ) -> list[Mapping[str, Any]]:
        """Return the keys by which the signature is."""
        candidates = _candidates(await self._discovery.keys(), algorithm, key_id)
        if not candidates:
            candidates = _candidates(await self._discovery.newer_keys(), algorithm, key_id)
        signers = [key for key in candidates if self._matches(signature, key)]
        if not signers:
            _refuse("the signature is not by a key of the issuer")
        return signers

    def _matches(self, signature: jws.CompactSignature, key: Mapping[str, Any]) -> bool:
        try:
            with warnings.catch_warnings():
                # EdDSA has a new name (RFC 9864); who accepts the old one does so for a provider that has only that
                warnings.simplefilter("ignore", SecurityWarning)
                return jws.validate_compact(signature, import_key(dict(key)), registry=self._registry)
        except (JoseError, ValueError, TypeError, KeyError):
            return False

    def _validate(self, claims: Mapping[str, Any], nonce: str) -> None:
        rules = self._rules
        issuer = claims.get("iss")
        if not isinstance(issuer, str) or issuer not in self._accepted_issuers(claims):
            _refuse("iss is not the issuer")
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAXIMUM_SUBJECT or not subject.isprintable():
            _refuse("sub is missing, too long or not printable")
        _check_audience(claims, rules.client_id, rules.trusted_audiences)
        self._check_times(claims)
        if (rules.nonce_required or "nonce" in claims) and not _is_text(claims.get("nonce"), nonce):
            _refuse("nonce is not that of the request")

    def _check_signers(self, signers: Iterable[Mapping[str, Any]], claims: Mapping[str, Any]) -> None:
        """Hold keys that name an issuer of their own to it, where one key set serves many issuers (Microsoft)."""
        if self._rules.issuer_template is None:
            return
        owners = (key.get("issuer", self._rules.issuer_template) for key in signers)
        if not any(owner in (claims["iss"], self._rules.issuer_template) for owner in owners):
            _refuse("the signature is by a key of another issuer")

    def _accepted_issuers(self, claims: Mapping[str, Any]) -> frozenset[str]:
        template, tenant = self._rules.issuer_template, claims.get("tid")
        if template is None or not isinstance(tenant, str):
            return self._rules.issuers
        return self._rules.issuers | {template.replace("{tenantid}", tenant)}

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, leeway = self._clock().timestamp(), _LEEWAY.total_seconds()
        expires, issued, not_before = (_moment(claims, name) for name in ("exp", "iat", "nbf"))
        if expires is None or now >= expires + leeway:
            _refuse("exp is missing or has passed")
        if issued is None or issued > now + leeway or issued < now - _MAXIMUM_AGE.total_seconds() - leeway:
            _refuse("iat is missing, in the future, or too long ago")
        if not_before is not None and not_before > now + leeway:
            _refuse("nbf is in the future")


def _extract(token: str) -> jws.CompactSignature:
    if len(token) > _MAXIMUM_TOKEN or not token.isascii():
        _refuse("too long, or not ASCII")
    try:
        return jws.extract_compact(token.encode("ascii"))
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        _refuse("not a signed token in compact form")


def _candidates(keys: Iterable[Mapping[str, Any]], algorithm: str, key_id: object) -> list[Mapping[str, Any]]:
    """Return the signature keys for the algorithm; only those of the token's `kid`, if it has one."""
    return [
        key
        for key in keys
        if key.get("kty") == _KEY_TYPES[algorithm[:2]]
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (key_id is None or key.get("kid") == key_id)
    ]


def _parse_claims(payload: bytes | None) -> dict[str, Any]:
    try:
        claims = parse_json(payload or b"")
    except ValueError:
        _refuse("the payload is not JSON")
    if not isinstance(claims, dict):
        _refuse("the payload is not a JSON object")
    return cast("dict[str, Any]", claims)


def _check_audience(claims: Mapping[str, Any], client_id: str, trusted: frozenset[str]) -> None:
    value = claims.get("aud")
    audience: list[Any] = (
        [value] if isinstance(value, str) else cast("list[Any]", value) if isinstance(value, list) else []
    )
    if client_id not in audience:
        _refuse("aud does not hold the client")
    if any(one != client_id and one not in trusted for one in audience):
        _refuse("aud holds a stranger")
    authorized_party = claims.get("azp")
    if authorized_party is None:
        if len(audience) > 1:
            _refuse("several aud, and no azp")
    elif authorized_party != client_id:
        _refuse("azp is not the client")


def _check_access_token_hash(claims: Mapping[str, Any], algorithm: str, access_token: str | None) -> None:
    """Compare `at_hash` where it is present (OpenID Connect Core 1.0, section 3.1.3.8)."""
    found = claims.get("at_hash")
    if found is None and "at_hash" not in claims:
        return
    full = hashlib.new(HASHES[algorithm], (access_token or "").encode("utf-8")).digest()
    expected = base64url(full[: len(full) // 2])
    if access_token is None or not _is_text(found, expected):
        _refuse("at_hash is not that of the access token")


def _is_text(found: object, expected: str) -> bool:
    """Whether a claim is this ASCII text; JSON can hold texts that have no UTF-8 form to compare."""
    return isinstance(found, str) and found.isascii() and equal(found, expected)


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a NumericDate (RFC 7519, section 2) in seconds; a value that is none counts as wrong, not as missing."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _LAST_MOMENT:
        _refuse(f"{name} is not a point in time")
    return float(value)


def _refuse(reason: str) -> NoReturn:
    raise OAuthError("invalid_id_token", f"id_token refused: {reason}")
