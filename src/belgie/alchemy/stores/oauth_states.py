"""The adapter's methods on pending authorization requests."""

from datetime import datetime

from belgie.alchemy.table import Table
from proto import DBConnection, OAuthStateProtocol

__all__ = ["OAuthStateStore"]


class OAuthStateStore[OAuthStateT: OAuthStateProtocol]:
    """Creates, finds and consumes OAuth states."""

    _oauth_states: Table[OAuthStateT]
    purge_batch: int

    async def create_oauth_state(
        self,
        db: DBConnection,
        state: str,
        expires_at: datetime,
        code_verifier: str | None = None,
        redirect_url: str | None = None,
    ) -> OAuthStateT:
        """Store a pending authorization request.

        Raises:
            ConflictError: the state exists.
            InvalidValueError: a value that the database cannot hold, such as a naive `expires_at`.
        """
        return await self._oauth_states.insert(
            db,
            {
                "state": state,
                "expires_at": expires_at,
                "code_verifier": code_verifier,
                "redirect_url": redirect_url,
            },
        )

    async def get_oauth_state(self, db: DBConnection, state: str) -> OAuthStateT | None:
        """Return the pending request with this state, expired or not."""
        return await self._oauth_states.get(db, state=state)

    async def delete_oauth_state(self, db: DBConnection, state: str) -> bool:
        """Delete the pending request, atomically: true for exactly one of any number of parallel callers."""
        return await self._oauth_states.delete(db, state=state) > 0

    async def delete_expired_oauth_states(self, db: DBConnection) -> int:
        """Delete the states whose `expires_at` has passed and return how many rows that was.

        It works in batches, each committed by itself outside a transaction.
        """
        return await self._oauth_states.purge(db, self.purge_batch)
