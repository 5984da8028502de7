"""Users and sessions to look up, made by the database itself: a million of them take seconds."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from examples.alchemy.auth_models import Session, User
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from belgie import Base, DatabaseRuntime

_USERS: Final = {
    "postgres": """
        INSERT INTO users (id, created_at, updated_at, email, email_verified, name, scopes)
        SELECT gen_random_uuid(), $1, $1, 'user' || n || '@example.com', true, 'User ' || n, ARRAY['read', 'write']
        FROM generate_series($2::int + 1, $3::int) AS n
    """,
    "sqlite": """
        WITH RECURSIVE counted(n) AS (SELECT ?2 + 1 WHERE ?2 < ?3 UNION ALL SELECT n + 1 FROM counted WHERE n < ?3)
        INSERT INTO users (id, created_at, updated_at, email, email_verified, name, scopes)
        SELECT lower(hex(randomblob(16))), ?1, ?1, 'user' || n || '@example.com', 1, 'User ' || n, '["read", "write"]'
        FROM counted
    """,
}
_SESSIONS: Final = {
    "postgres": """
        INSERT INTO sessions (id, created_at, updated_at, user_id, expires_at, ip_address, user_agent)
        SELECT gen_random_uuid(), $1, $1, users.id, $2, '127.0.0.1', 'benchmark'
        FROM users, generate_series(1, $3::int)
    """,
    "sqlite": """
        WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?3)
        INSERT INTO sessions (id, created_at, updated_at, user_id, expires_at, ip_address, user_agent)
        SELECT lower(hex(randomblob(16))), ?1, ?1, users.id, ?2, '127.0.0.1', 'benchmark'
        FROM users, counted
    """,
}
SESSIONS_OF_A_USER: Final = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A session that is there, and its user's address."""

    session_id: UUID
    email: str


async def fill(runtime: DatabaseRuntime, sessions: int) -> None:
    """Create the tables and put `sessions` live sessions into them, ten for each user, in place of those before.

    They are an hour old, and so not due to be extended.
    """
    await runtime.create_all(Base.metadata)
    kind = runtime.settings.type
    now = datetime.now(UTC) - timedelta(hours=1)
    async with runtime.engine.begin() as connection:
        there = await _count(connection, "users")
        wanted = max(sessions // SESSIONS_OF_A_USER, 1)
        await connection.exec_driver_sql(_USERS[kind], (_moment(kind, now), there, wanted))
        await connection.exec_driver_sql("DELETE FROM sessions")
        expiry = now + timedelta(days=7)
        of_each = min(sessions, SESSIONS_OF_A_USER)
        await connection.exec_driver_sql(_SESSIONS[kind], (_moment(kind, now), _moment(kind, expiry), of_each))
    async with runtime.engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        await connection.exec_driver_sql("ANALYZE" if kind == "sqlite" else "VACUUM ANALYZE")


async def some(runtime: DatabaseRuntime, count: int) -> list[Known]:
    """Return `count` sessions from all over the table, or all where there are fewer."""
    joined = select(Session.id, User.email).join(User, User.id == Session.user_id)
    statement = joined.order_by(Session.id).limit(count)  # the ids are random, and so is their order
    async with runtime.session() as session:
        return [Known(session_id, email) for session_id, email in await session.execute(statement)]


async def _count(connection: AsyncConnection, table: str) -> int:
    found = await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")  # noqa: S608  a name from this file
    return found.scalar_one()


def _moment(kind: str, moment: datetime) -> datetime | str:
    """Return a moment as the column holds it."""
    return moment if kind == "postgres" else moment.replace(tzinfo=None).isoformat(" ", "microseconds")
