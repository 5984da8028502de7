"""Optional: a user's sessions."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable
from uuid import UUID

from proto.connection import DBConnection
from proto.session import SessionProtocol


@runtime_checkable
class UserSessionsProtocol[SessionT: SessionProtocol](Protocol):
    """An adapter that can list a user's sessions and end them together."""

    async def list_sessions(self, db: DBConnection, user_id: UUID) -> Sequence[SessionT]:
        """Return the user's sessions that have not expired, the newest first."""
        ...

    async def delete_sessions(self, db: DBConnection, user_id: UUID, *, keep: UUID | None = None) -> int:
        """Delete the user's sessions, all but `keep`, and return how many rows that was."""
        ...
