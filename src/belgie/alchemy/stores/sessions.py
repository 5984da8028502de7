"""The adapter's methods on sessions."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Executable, NullPool, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from belgie.alchemy.stores.connected import Connected
from belgie.alchemy.stores.direct import DirectSelect, LostConnectionError
from belgie.alchemy.stores.plain_rows import PlainRows
from belgie.alchemy.table import Table, read, write
from belgie.alchemy.transaction import guarded, in_block, session_of
from proto import DBConnection, SessionProtocol, UserProtocol

__all__ = ["SessionStore"]


class SessionStore[UserT: UserProtocol[Any], SessionT: SessionProtocol](Connected):
    """Creates, finds, extends and ends sessions."""

    _users: Table[UserT]
    _sessions: Table[SessionT]
    _pairs: tuple[AsyncEngine, DirectSelect | None] | None = None
    purge_batch: int

    async def create_session(
        self,
        db: DBConnection,
        user_id: UUID,
        expires_at: datetime,
        ip_address: str | None = None,
        user_agent: str | None = None,
    ) -> SessionT:
        """Store a new session with a random (version 4) id; a long user agent is cut, never refused.

        Raises:
            AdapterError: there is no such user.
            InvalidValueError: a value that the database cannot hold, such as a naive `expires_at`.
        """
        return await self._sessions.insert(
            db,
            {"user_id": user_id, "expires_at": expires_at, "ip_address": ip_address, "user_agent": user_agent},
            assign={"id": uuid4()},  # whatever the model's default is: an id must not be guessable
        )

    async def get_session(self, db: DBConnection, session_id: UUID) -> SessionT | None:
        """Return the session with this id, expired or not."""
        return await self._sessions.get(db, id=session_id)

    async def get_session_and_user(self, db: DBConnection, session_id: UUID) -> tuple[SessionT, UserT] | None:
        """Return the session, expired or not, and its user, in one query."""
        session = session_of(db)
        parameters = self._sessions.sought({"id": session_id})
        async with guarded(session):
            direct = None if in_block(session) else self._pair_select()
            if direct is not None and self._pair.fit(session, direct.engine.sync_engine):
                with suppress(LostConnectionError):
                    values = await direct.ask_driver(parameters["is_id"])
                    if values is None:
                        return None
                    if self._pair.fit(session, direct.engine.sync_engine):  # nobody has used it meanwhile
                        return self._pair.attach(session, values)
            found = await read(session, self._session_and_user, parameters, self._sessions, self._users)
            row = found.unique().one_or_none()
        return None if row is None else (row[0], row[1])

    def _pair_select(self) -> DirectSelect | None:
        """Return the SELECT of session and user for the driver itself, if that may be asked."""
        if self.db is None:
            return None
        runtime = self.db_runtime
        engine = runtime.engine
        if self._pairs is None or self._pairs[0] is not engine:
            direct = None
            # Without a pool, the session's first statement would have to connect once more.
            if self._pair.are_all and not isinstance(engine.pool, NullPool):
                statement = self._to_pair(select(*self._pair.columns).select_from(self._sessions.model))
                direct = DirectSelect.of(runtime, statement, "is_id", self._sessions.column("id").type)
            self._pairs = engine, direct
        direct = self._pairs[1]
        return direct if direct is not None and direct.may_ask_driver else None

    async def list_sessions(self, db: DBConnection, user_id: UUID) -> Sequence[SessionT]:
        """Return the user's sessions that have not expired, the newest first."""
        session = session_of(db)
        parameters = self._sessions.sought({"user_id": user_id}) | {"now": datetime.now(UTC)}
        async with guarded(session):
            found = await read(session, self._sessions_of_user, parameters, self._sessions)
            return found.unique().scalars().all()

    async def update_session(self, db: DBConnection, session_id: UUID, **updates: Any) -> SessionT | None:
        """Change fields of a session and return it; never brings back one that was deleted meanwhile.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
            InvalidValueError: a value that the database cannot hold.
        """
        self._sessions.refuse_others("update_session", updates)
        if not updates:
            return await self._sessions.get(db, id=session_id)
        return await self._sessions.update(db, updates, id=session_id)

    async def extend_session(
        self,
        db: DBConnection,
        session_id: UUID,
        expires_at: datetime,
        *,
        previous: datetime,
    ) -> bool:
        """Set the expiry if it still is `previous`; true for exactly one of any number of parallel callers."""
        extended = await self._sessions.update(db, {"expires_at": expires_at}, id=session_id, expires_at=previous)
        return extended is not None

    async def delete_session(self, db: DBConnection, session_id: UUID) -> bool:
        """Delete a session; true if it was there."""
        return await self._sessions.delete(db, id=session_id) > 0

    async def delete_sessions(self, db: DBConnection, user_id: UUID, *, keep: UUID | None = None) -> int:
        """Delete the user's sessions, all but `keep`, and return how many rows that was."""
        if keep is None:
            return await self._sessions.delete(db, user_id=user_id)
        session = session_of(db)
        parameters = self._sessions.sought({"user_id": user_id, "id": keep})
        async with guarded(session, commit=True):
            return len((await write(session, self._other_sessions, parameters)).all())

    async def delete_expired_sessions(self, db: DBConnection) -> int:
        """Delete the sessions whose `expires_at` has passed and return how many rows that was.

        It works in batches, each committed by itself outside a transaction: after an error those before it are gone.
        """
        return await self._sessions.purge(db, self.purge_batch)

    @cached_property
    def _session_and_user(self) -> Executable:
        return self._to_pair(select(self._sessions.model, self._users.model))

    @cached_property
    def _pair(self) -> PlainRows[tuple[SessionT, UserT]]:
        return PlainRows(self._sessions.model, self._users.model)

    def _to_pair(self, columns: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
        sessions, users = self._sessions, self._users
        joined = columns.join(users.model, users.column("id") == sessions.column("user_id"))
        return joined.where(*sessions.conditions(("id",)))

    @cached_property
    def _sessions_of_user(self) -> Executable:
        sessions = self._sessions
        return (
            select(sessions.model)
            .where(*sessions.conditions(("user_id",)), sessions.column("expires_at") > bindparam("now"))
            .order_by(sessions.column("created_at").desc(), sessions.column("id"))
        )

    @cached_property
    def _other_sessions(self) -> Executable:
        sessions = self._sessions
        return sessions.deletion(*sessions.conditions(("user_id",)), sessions.column("id") != bindparam("is_id"))
