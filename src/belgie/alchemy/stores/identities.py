"""The adapter's fast path: who is calling, in one round trip and without the request's session."""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, select
from sqlalchemy.ext.asyncio import AsyncEngine

from belgie.alchemy.errors import translated
from belgie.alchemy.postgres import cached_statements
from belgie.alchemy.settings import PostgresSettings
from belgie.alchemy.stores.connected import Connected
from belgie.alchemy.table import Table
from proto import Identity, SessionProtocol, UserProtocol

__all__ = ["IdentityStore"]


class IdentityStore[UserT: UserProtocol[Any], SessionT: SessionProtocol](Connected):
    """Tells who is calling over a connection of the runtime's pool that it gives back at once."""

    _users: Table[UserT]
    _sessions: Table[SessionT]
    _reader: tuple[AsyncEngine, AsyncEngine] | None = None

    async def get_identity(self, session_id: UUID) -> Identity | None:
        """Return the identity behind a session, expired or not.

        It reads what is committed, over a connection of its own: a change in the request's session does not count yet.

        Raises:
            AttributeError: the adapter was made without `db`.
        """
        with translated():
            async with self._autocommit().connect() as connection:
                found = await connection.execute(self._identity, self._sessions.sought({"id": session_id}))
                row = found.one_or_none()
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

    def _autocommit(self) -> AsyncEngine:
        """Return a view of the engine whose single statements need no BEGIN and no ROLLBACK on PostgreSQL.

        On SQLite a read begins nothing, and setting the level would cost more than it saves. Behind a pooler in
        transaction mode a statement is prepared and run over one connection of the server only inside a transaction.
        """
        runtime = self.db_runtime
        engine = runtime.engine
        if self._reader is None or self._reader[0] is not engine:
            settings = runtime.settings
            alone = isinstance(settings, PostgresSettings) and cached_statements(settings) > 0
            self._reader = engine, engine.execution_options(isolation_level="AUTOCOMMIT") if alone else engine
        return self._reader[1]

    @cached_property
    def _identity(self) -> Executable:
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
