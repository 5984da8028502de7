"""A client secret that the application signs itself (RFC 7523, as Apple has it)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from auth.utils.clock import Clock

_LIFETIME: Final = timedelta(days=1)
_RENEWAL: Final = timedelta(hours=12)


class SignedSecret:
    """Signs a secret that is valid for a day, and keeps it for half of that.

    Args:
        key: the private key.
        key_id: its name.
        claims: `iss`, `sub` and `aud`.
        clock: what time it is.
    """

    def __init__(self, key: ECKey, key_id: str, claims: Mapping[str, str], clock: Clock) -> None:
        self._key = key
        self._key_id = key_id
        self._claims = claims
        self._clock = clock
        self._made: tuple[str, datetime] | None = None

    def get(self) -> str:
        """Return the secret."""
        now = self._clock()
        if self._made is None or now - self._made[1] >= _RENEWAL:
            times = {"iat": int(now.timestamp()), "exp": int((now + _LIFETIME).timestamp())}
            header = {"alg": "ES256", "kid": self._key_id}
            self._made = jwt.encode(header, {**self._claims, **times}, self._key, algorithms=["ES256"]), now
        return self._made[0]


def import_private_key(pem: str) -> ECKey:
    r"""Return a private key for ES256; `\n` may stand for a line's end, as environment files have it.

    Raises:
        ValueError: it is none. The text is not repeated.
    """
    try:
        key = ECKey.import_key(pem.replace("\\n", "\n"))
        usable = key.is_private and key.curve_name == "P-256"
    except (JoseError, ValueError, TypeError):
        usable, key = False, None
    if key is None or not usable:
        raise ValueError("expected a private key for ES256 (P-256) in PEM form")
    return key
