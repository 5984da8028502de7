"""Keys and signatures of the hostile provider: honest ones, and every dishonest kind the matrix names."""

import base64
import functools
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from joserfc.jwk import ECKey, RSAKey

type Sign = Callable[[bytes], bytes]


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class SigningKey:
    """A private key with its name and algorithm."""

    kid: str
    alg: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def sign(self, data: bytes) -> bytes:
        """An honest JWS signature: RS256, or ES256 in its raw r||s form."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            return self.private.sign(data, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.sign_der(data))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def sign_der(self, data: bytes) -> bytes:
        """An ECDSA signature in ASN.1, which no JWS may carry."""
        if isinstance(self.private, rsa.RSAPrivateKey):
            msg = "only an elliptic-curve key has a DER signature"
            raise TypeError(msg)
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    def public_jwk(self, **extra: object) -> dict[str, Any]:
        """The public key as it stands in a JWKS."""
        public = self.private.public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        kind = RSAKey if isinstance(self.private, rsa.RSAPrivateKey) else ECKey
        return {**kind.import_key(pem).as_dict(private=False), "kid": self.kid, "alg": self.alg, "use": "sig", **extra}

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def public_der(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )


@functools.cache
def rsa_key(kid: str) -> SigningKey:
    """An RSA key, the same for the same name within a test run: making one is slow."""
    return SigningKey(kid, "RS256", rsa.generate_private_key(public_exponent=65537, key_size=2048))


@functools.cache
def ec_key(kid: str) -> SigningKey:
    """A P-256 key, the same for the same name within a test run."""
    return SigningKey(kid, "ES256", ec.generate_private_key(ec.SECP256R1()))


def hs256(secret: bytes) -> Sign:
    """What signs with a shared secret, whatever that secret is."""
    return lambda data: hmac.new(secret, data, hashlib.sha256).digest()


def unsigned(data: bytes) -> bytes:
    """The signature of `alg: none`."""
    return b""


def one_bit_flipped(sign: Sign) -> Sign:
    """An honest signature with its last bit changed."""

    def flipped(data: bytes) -> bytes:
        signature = sign(data)
        return signature[:-1] + bytes([signature[-1] ^ 1])

    return flipped


def compact(header: Mapping[str, object], payload: object, sign: Sign) -> str:
    """A compact JWS of exactly this header and payload, sense or nonsense."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    signed = f"{b64url(json.dumps(header).encode())}.{b64url(body)}"
    return f"{signed}.{b64url(sign(signed.encode('ascii')))}"


def left_half_hash(value: str) -> str:
    """`at_hash` of a token under a SHA-256 algorithm (OpenID Connect Core 1.0, 3.1.3.6)."""
    return b64url(hashlib.sha256(value.encode("ascii")).digest()[:16])
