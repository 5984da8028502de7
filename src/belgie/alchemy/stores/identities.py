"""The adapter's fast path: who is calling, in one round trip and without the request's session."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from belgie.alchemy.errors import translated
from belgie.alchemy.stores.connected import Connected
from belgie.alchemy.stores.direct import DirectSelect
from belgie.alchemy.table import Table
from proto import Identity, SessionProtocol, UserProtocol

__all__ = ["IdentityStore"]


class IdentityStore[UserT: UserProtocol[Any], SessionT: SessionProtocol](Connected):
    """Tells who is calling over a connection of the runtime's pool that it gives back at once."""

    _users: Table[UserT]
    _sessions: Table[SessionT]
    _reader: DirectSelect | None = None

    async def get_identity(self, session_id: UUID) -> Identity | None:
        """Return the identity behind a session, expired or not.

        It reads what is committed, over a connection of its own: a change in the request's session does not count yet.

        Raises:
            AttributeError: the adapter was made without `db`.
        """
        with translated():
            row = await self._select().one_or_none(self._sessions.sought({"id": session_id})["is_id"])
        if row is None:
            return None
        user_id, email, email_verified, scopes, created_at, expires_at = row
        return Identity(
            user_id=user_id,
            email=email,
            email_verified=email_verified,
            scopes=tuple(str(scope) for scope in scopes or ()),
            session_id=session_id,
            created_at=_aware(created_at),
            expires_at=_aware(expires_at),
        )

    def _select(self) -> DirectSelect:
        if self._reader is None or self._reader.engine is not self.db_runtime.engine:
            self._reader = DirectSelect.of(self.db_runtime, self._identity, "is_id", self._sessions.column("id").type)
        return self._reader

    @cached_property
    def _identity(self) -> Select[*tuple[Any, ...]]:
        users, sessions = self._users, self._sessions
        return (
            select(
                users.column("id"),
                users.column("email"),
                users.column("email_verified"),
                users.column("scopes"),
                sessions.column("created_at"),
                sessions.column("expires_at"),
            )
            .join_from(sessions.model, users.model, users.column("id") == sessions.column("user_id"))
            .where(*sessions.conditions(("id",)))
        )


def _aware(moment: datetime) -> datetime:
    """Return a moment of an application's own column, which SQLite gives back without its zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
