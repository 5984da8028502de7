"""Optional: a session and its user in one query."""

from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from proto.connection import DBConnection
from proto.session import SessionProtocol
from proto.user import UserProtocol


@runtime_checkable
class SessionUserProtocol[UserT: UserProtocol[Any], SessionT: SessionProtocol](Protocol):
    """An adapter that reads what an authenticated request needs in one round trip."""

    async def get_session_and_user(self, db: DBConnection, session_id: UUID) -> tuple[SessionT, UserT] | None:
        """Return the session, expired or not, and its user."""
        ...
