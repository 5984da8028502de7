"""The cookie cache: who is calling, signed, for a short while."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

from pydantic import TypeAdapter
from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.session.cookie import cookie_values
from auth.utils.clock import Clock
from auth.utils.crypto import ValueSigner, base64url, from_base64url
from proto import Identity

_MAXIMUM_VALUE: Final = 3800  # with name and attributes, browsers keep 4096 bytes (RFC 6265, section 6.1)

#: Until when it is believed, and the identity.
_CONTENT: Final = TypeAdapter(tuple[datetime, Identity])


class IdentityCookie:
    """Writes and reads the cookie that spares the store a question.

    It is bound to the session: without the session's own cookie, or beside another session's, it says nothing.

    Args:
        name: the name as the browser knows it, prefix included.
        secrets: the first signs, all verify.
        secure: send it over https only.
        same_site: which requests from other sites carry it.
        max_age: how long it is believed, in seconds; never longer than the session lives.
        clock: what time it is.
    """

    def __init__(
        self,
        *,
        name: str,
        secrets: Sequence[str],
        secure: bool,
        same_site: Literal["lax", "strict"],
        max_age: int,
        clock: Clock,
    ) -> None:
        self.name = name
        self._secure = secure
        self._same_site: Literal["lax", "strict"] = same_site
        self._max_age = max_age
        self._clock = clock
        self._signer = ValueSigner(secrets, "identity")

    def read(self, connection: HTTPConnection, session_id: UUID) -> Identity | None:
        """Return the identity of the session, if exactly one cookie of ours still tells it."""
        values = cookie_values(connection.headers.getlist("cookie"), self.name)
        content = self._signer.unsign(values[0]) if len(values) == 1 else None
        if content is None:
            return None
        try:
            until, identity = _CONTENT.validate_json(from_base64url(content))
        except ValueError:
            return None  # ours, but of another version of belgie
        believed = identity.session_id == session_id and self._clock() < min(until, identity.expires_at)
        return identity if believed else None

    def set(self, response: Response, identity: Identity) -> None:
        """Let `response` give the browser the cookie; not if it would be too large for one."""
        content = self._clock() + timedelta(seconds=self._max_age), identity
        value = self._signer.sign(base64url(_CONTENT.dump_json(content)))
        if len(value) <= _MAXIMUM_VALUE:
            self._write(response, value, self._max_age)

    def delete(self, response: Response) -> None:
        """Take the cookie back."""
        self._write(response, "", 0)

    def _write(self, response: Response, value: str, max_age: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=max_age,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite=self._same_site,
        )
