"""Sessions: made at sign-in, extended by use, ended by time or by hand."""

from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from auth.utils.clock import Clock, as_utc, utc_now
from proto import (
    AdapterProtocol,
    DBConnection,
    SessionExtensionProtocol,
    SessionProtocol,
    SessionUserProtocol,
    UserProtocol,
)

_ABSOLUTE_MAX_AGE = 30 * 24 * 3600


class SessionManager[UserT: UserProtocol[Any], SessionT: SessionProtocol]:
    """Makes, finds and ends sessions in an adapter's store.

    A session ends `max_age` after it was last extended. A request that uses it extends it, but writes that down at most
    once per `update_age`, and never beyond `absolute_max_age` after the sign-in.

    Args:
        adapter: the store.
        max_age: how long a session lives without use, in seconds.
        update_age: how often, at most, a session in use is written back, in seconds.
        absolute_max_age: how long a session lives with use, in seconds.
        clock: what time it is.

    Raises:
        ValueError: `max_age` is not positive, `update_age` is negative, or `absolute_max_age` is below `max_age`.
    """

    def __init__(
        self,
        adapter: AdapterProtocol[UserT, Any, SessionT, Any],
        max_age: int,
        update_age: int,
        *,
        absolute_max_age: int | None = None,
        clock: Clock = utc_now,
    ) -> None:
        absolute = max(max_age, _ABSOLUTE_MAX_AGE) if absolute_max_age is None else absolute_max_age
        if max_age <= 0 or update_age < 0 or absolute < max_age:
            raise ValueError("expected max_age > 0, update_age >= 0 and absolute_max_age >= max_age, in seconds")
        self._adapter = adapter
        self._max_age = timedelta(seconds=max_age)
        self._update_age = timedelta(seconds=update_age)
        self._absolute_max_age = timedelta(seconds=absolute)
        self._clock = clock
        self._joined = (
            cast("SessionUserProtocol[UserT, SessionT]", adapter) if isinstance(adapter, SessionUserProtocol) else None
        )
        self._extension = adapter if isinstance(adapter, SessionExtensionProtocol) else None

    async def create_session(
        self,
        db: DBConnection,
        user_id: UUID,
        ip_address: str | None = None,
        user_agent: str | None = None,
    ) -> SessionT:
        """Store a new session that ends `max_age` from now, and return it."""
        return await self._adapter.create_session(
            db,
            user_id,
            expires_at=self._clock() + self._max_age,
            ip_address=ip_address,
            user_agent=user_agent,
        )

    async def get_session(self, db: DBConnection, session_id: UUID) -> SessionT | None:
        """Return the session if it has not ended, extended if that was due; an expired one is removed."""
        session = await self._adapter.get_session(db, session_id)
        return None if session is None else await self._keep(db, session)

    async def get_session_and_user(self, db: DBConnection, session_id: UUID) -> tuple[SessionT, UserT] | None:
        """Return the session as `get_session` does, and its user; in one query where the adapter can."""
        found = await self.read_session_and_user(db, session_id)
        session = None if found is None else await self._keep(db, found[0])
        return None if found is None or session is None else (session, found[1])

    async def read_session_and_user(self, db: DBConnection, session_id: UUID) -> tuple[SessionT, UserT] | None:
        """Return the session, ended or not, and its user; nothing is written."""
        if self._joined is not None:
            return await self._joined.get_session_and_user(db, session_id)
        session = await self._adapter.get_session(db, session_id)
        user = await self._adapter.get_user_by_id(db, session.user_id) if session is not None else None
        return (session, user) if session is not None and user is not None else None

    async def delete_session(self, db: DBConnection, session_id: UUID) -> bool:
        """End a session; true if it was there."""
        return await self._adapter.delete_session(db, session_id)

    async def cleanup_expired_sessions(self, db: DBConnection) -> int:
        """Remove the sessions that have expired and return how many rows that was."""
        return await self._adapter.delete_expired_sessions(db)

    async def _keep(self, db: DBConnection, session: SessionT) -> SessionT | None:
        """Return the session if it goes on: remove it if it is over, extend it if that is due."""
        now = self._clock()
        created_at, expires_at = as_utc(session.created_at), as_utc(session.expires_at)
        if now >= self._end(created_at, expires_at):
            await self._adapter.delete_session(db, session.id)
            return None
        extended = self._extended(created_at, expires_at, now)
        return session if extended is None else await self._extend(db, session, extended)

    def goes_on_unchanged(self, created_at: datetime, expires_at: datetime) -> bool:
        """Whether a session with these times needs no write: it is neither over nor due to be extended."""
        now = self._clock()
        return now < self._end(created_at, expires_at) and self._extended(created_at, expires_at, now) is None

    def _end(self, created_at: datetime, expires_at: datetime) -> datetime:
        return min(expires_at, created_at + self._absolute_max_age)

    def _extended(self, created_at: datetime, expires_at: datetime, now: datetime) -> datetime | None:
        """Return the new expiry of a session that is due to be extended."""
        extended = min(now + self._max_age, created_at + self._absolute_max_age)
        due = extended > expires_at and now - (expires_at - self._max_age) >= self._update_age
        return extended if due else None

    async def _extend(self, db: DBConnection, session: SessionT, expires_at: datetime) -> SessionT | None:
        if self._extension is None:
            return await self._adapter.update_session(db, session.id, expires_at=expires_at)
        if await self._extension.extend_session(db, session.id, expires_at, previous=session.expires_at):
            return session
        # Somebody was first: a parallel request that extended the session just now, or a sign-out that ended it.
        return await self._adapter.get_session(db, session.id)
