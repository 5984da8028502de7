"""Optional: who is calling, as a value."""

from datetime import datetime
from typing import NamedTuple, Protocol, runtime_checkable
from uuid import UUID


class Identity(NamedTuple):
    """Who is calling, and by which session: a value that belongs to no database session.

    Attributes:
        user_id: the user.
        email: the user's e-mail address.
        email_verified: whether the address was checked.
        scopes: the user's scopes.
        session_id: the session; a name for it, not a credential.
        created_at: when the user signed in.
        expires_at: when the session ends, if it is not extended.
    """

    user_id: UUID
    email: str
    email_verified: bool
    scopes: tuple[str, ...]
    session_id: UUID
    created_at: datetime
    expires_at: datetime

    def __repr__(self) -> str:
        """Show who it is by id; the address stays out of logs."""
        return f"Identity(user_id={self.user_id}, session_id={self.session_id}, scopes={self.scopes})"


@runtime_checkable
class IdentityProtocol(Protocol):
    """An adapter that tells who is calling in one round trip, over a connection that it takes and gives back itself."""

    async def get_identity(self, session_id: UUID) -> Identity | None:
        """Return the identity behind a session, expired or not.

        Raises:
            UnavailableError: the store did not answer.
        """
        ...
