"""Random values, digests and signatures, each made for one purpose."""

import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final, override

from itsdangerous import BadSignature, Signer
from itsdangerous.signer import SigningAlgorithm

MINIMUM_SECRET_BYTES: Final = 32
SECRET_COMMAND: Final = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'  # noqa: S105  it makes one, and is none

_TOKEN_BYTES: Final = 32

# 256 bits in 43 characters of the URL-safe alphabet; the last one has two bits to spare, which are zero
_SIGNATURE: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def generate_token() -> str:
    """Return 256 random bits as 43 URL-safe characters."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def generate_code_verifier() -> str:
    """Return a new PKCE code verifier (RFC 7636, section 4.1)."""
    return generate_token()


def code_challenge(verifier: str) -> str:
    """Return the S256 code challenge of `verifier` (RFC 7636, section 4.2)."""
    return base64url(hashlib.sha256(verifier.encode("ascii")).digest())


def digest(purpose: str, *parts: str) -> str:
    """Return SHA-256 over `purpose` and `parts` as 43 URL-safe characters.

    Each part goes in with its length, so that moving a character from one part to the next changes the digest.
    Meant for parts of which at least one is a random token: then the digest tells nothing about them.
    """
    hashed = hashlib.sha256()
    for part in (purpose, *parts):
        data = part.encode("utf-8")
        hashed.update(len(data).to_bytes(8, "big") + data)
    return base64url(hashed.digest())


def keyed_digest(key: str, purpose: str, *parts: str) -> str:
    """Return HMAC-SHA256 under `key` over `purpose` and `parts` as 43 URL-safe characters."""
    message = digest(purpose, *parts).encode("ascii")
    return base64url(hmac.new(key.encode("utf-8"), message, hashlib.sha256).digest())


def equal(left: str, right: str) -> bool:
    """Compare two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(left.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


class _HMAC(SigningAlgorithm):
    """HMAC-SHA256 in one call of OpenSSL, which takes a third of the time that an `HMAC` object does."""

    @override
    def get_signature(self, key: bytes, value: bytes) -> bytes:
        return hmac.digest(key, value, "sha256")


class ValueSigner:
    """Signs short ASCII texts for one purpose: HMAC-SHA256 with a key derived from the secret for it alone.

    Args:
        secrets: the first one signs, all of them verify, so that a secret can be replaced without ending sessions.
        purpose: a value that was signed for another purpose does not verify.
    """

    def __init__(self, secrets: Sequence[str], purpose: str) -> None:
        salt = f"belgie.{purpose}.v1"
        # itsdangerous keeps the key that signs last, and would derive all of them anew for every value
        keys = [
            Signer(secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256).derive_key()
            for secret in reversed(secrets)
        ]
        self._signer = Signer(keys, salt=salt, key_derivation="none", algorithm=_HMAC())

    def sign(self, value: str) -> str:
        """Return `value`, a dot and its signature."""
        return self._signer.sign(value).decode("ascii")

    def unsign(self, signed: str) -> str | None:
        """Return the value if `signed` is, to the letter, what `sign` made; None for anything else."""
        if not signed.isascii():
            return None
        try:
            value = self._signer.unsign(signed).decode("ascii")
        except BadSignature:
            return None
        # Base64 decoders take several spellings of one signature; only the canonical one is ours.
        return value if _SIGNATURE.fullmatch(signed.rpartition(".")[2]) else None


def base64url(data: bytes) -> str:
    """Return `data` in base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Return the data of a base64url text without padding.

    Raises:
        ValueError: it is none.
    """
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
