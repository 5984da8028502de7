"""The session cookie: a session's id, signed."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from auth.utils.crypto import ValueSigner

_CANONICAL_ID: Final = re.compile(r"[0-9a-f]{32}")


def cookie_values(headers: Iterable[str], name: str) -> list[str]:
    """Return the values of every cookie called `name` in the `Cookie` headers.

    A browser sends two cookies of one name when a sub-domain or another path set one as well (RFC 6265, section 8.6);
    a mapping would silently keep one of them.
    """
    pairs = (pair.strip().partition("=") for header in headers for pair in header.split(";"))
    return [value.strip() for key, _, value in pairs if key.strip() == name]


class SessionCookie:
    """Writes and reads the cookie that carries a session's id.

    The value is the id and an HMAC over it under a key made for this one purpose: who has a copy of the database,
    or a logged id, can make no cookie of it.

    Args:
        name: the name as the browser knows it, prefix included.
        secrets: the first signs, all verify.
        secure: send it over https only.
        max_age: how long the browser keeps it, in seconds.
        same_site: which requests from other sites carry it.
        domain: also send it to the sub-domains of this domain; None for this host only.
    """

    def __init__(
        self,
        *,
        name: str,
        secrets: Sequence[str],
        secure: bool,
        max_age: int,
        same_site: Literal["lax", "strict"],
        domain: str | None,
    ) -> None:
        self.name = name
        self._secure = secure
        self._max_age = max_age
        self._same_site: Literal["lax", "strict"] = same_site
        self._domain = domain
        self._signer = ValueSigner(secrets, "session")

    def value(self, session_id: UUID) -> str:
        """Return the cookie's value for a session."""
        return self._signer.sign(session_id.hex)

    def read(self, connection: HTTPConnection) -> UUID | None:
        """Return the session's id, or None if there is not exactly one cookie, of the exact form, signed by us."""
        values = cookie_values(connection.headers.getlist("cookie"), self.name)
        if len(values) != 1:
            return None
        session_id = self._signer.unsign(values[0])
        return UUID(session_id) if session_id is not None and _CANONICAL_ID.fullmatch(session_id) else None

    def set(self, response: Response, session_id: UUID) -> None:
        """Make `response` sign the browser in."""
        self._write(response, self.value(session_id), self._max_age)

    def delete(self, response: Response) -> None:
        """Make `response` take the cookie back; the attributes are those it was set with, or browsers would keep it."""
        self._write(response, "", 0)

    def _write(self, response: Response, value: str, max_age: int) -> None:
        response.set_cookie(
            self.name,
            value,
            max_age=max_age,
            path="/",
            domain=self._domain,
            secure=self._secure,
            httponly=True,
            samesite=self._same_site,
        )
