"""Optional: extend a session exactly once among parallel requests."""

from datetime import datetime
from typing import Protocol, runtime_checkable
from uuid import UUID

from proto.connection import DBConnection


@runtime_checkable
class SessionExtensionProtocol(Protocol):
    """An adapter that can compare and set a session's expiry in one statement."""

    async def extend_session(
        self,
        db: DBConnection,
        session_id: UUID,
        expires_at: datetime,
        *,
        previous: datetime,
    ) -> bool:
        """Set the expiry if it still is `previous`; true for exactly one of any number of parallel callers.

        A session that was deleted meanwhile stays deleted.
        """
        ...
