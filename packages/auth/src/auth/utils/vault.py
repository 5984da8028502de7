"""Texts at rest that only a holder of the secret can read."""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX: Final = "v1."
_NONCE_BYTES: Final = 12
_KEY_BYTES: Final = 32


class Vault:
    """Encrypts texts with AES-256-GCM, bound to where they belong.

    Args:
        secrets: the first encrypts, all decrypt. The keys are derived for this purpose alone (HKDF-SHA256).
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = tuple(secrets)

    @cached_property
    def _ciphers(self) -> "list[AESGCM]":
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - see _derive

        return [AESGCM(_derive(secret)) for secret in self._secrets]

    def encrypt(self, text: str, *belongs_to: str) -> str:
        """Return `text` encrypted; it can be decrypted only with the same `belongs_to`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[0].encrypt(nonce, text.encode("utf-8"), _associated(belongs_to))
        return _PREFIX + urlsafe_b64encode(nonce + sealed).decode("ascii")

    def decrypt(self, sealed: str, *belongs_to: str) -> str:
        """Return the text.

        Raises:
            ValueError: it is not one of ours, belongs elsewhere, or was made with a secret that is not listed any more.
        """
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - see _derive

        if sealed.startswith(_PREFIX):
            data = urlsafe_b64decode(sealed.removeprefix(_PREFIX).encode("ascii", "replace"))
            for cipher in self._ciphers:
                try:
                    return cipher.decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], _associated(belongs_to)).decode()
                except (InvalidTag, ValueError):
                    continue
        raise ValueError("expected a text that was encrypted for this place with one of the secrets")


def _derive(secret: str) -> bytes:
    # An eighth of the time that importing all of this takes, and nobody needs it before a provider's tokens come.
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF  # noqa: PLC0415

    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=b"belgie.tokens.v1").derive(
        secret.encode("utf-8")
    )


def _associated(parts: Sequence[str]) -> bytes:
    encoded = (part.encode("utf-8") for part in parts)
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
