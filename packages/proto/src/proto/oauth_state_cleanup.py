"""Optional: remove authorization requests that were never answered."""

from typing import Protocol, runtime_checkable

from proto.connection import DBConnection


@runtime_checkable
class OAuthStateCleanupProtocol(Protocol):
    """An adapter that can clear away abandoned sign-ins."""

    async def delete_expired_oauth_states(self, db: DBConnection) -> int:
        """Delete the states whose `expires_at` has passed and return how many rows that was."""
        ...
