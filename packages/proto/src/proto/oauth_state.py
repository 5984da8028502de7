"""An authorization request that waits for its answer."""

from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID


@runtime_checkable
class OAuthStateProtocol(Protocol):
    """A pending authorization request (RFC 6749, section 10.12; RFC 7636).

    `state` is a digest when `auth` writes it: what it is a digest of stays with the browser,
    so a copy of the table finishes nobody's sign-in.
    """

    id: UUID
    state: str
    code_verifier: str | None
    redirect_url: str | None
    created_at: datetime
    expires_at: datetime
