"""A connection on which a migration can run, alone and to its end."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from belgie.alchemy.runtime import DatabaseRuntime
from belgie.alchemy.settings import DatabaseSettings

_logger = logging.getLogger("belgie.alchemy.migrations")

# Any number will do, as long as every process takes the same.
_LOCK: Final = 0x62656C676965  # "belgie"

# A table may take longer to rewrite than a request may last. `lock_timeout` stays: who waits for a table's lock makes
# everybody else wait.
_PATIENT: Final[dict[str, Any]] = {
    "command_timeout": None,
    "statement_timeout": None,
    "idle_in_transaction_timeout": None,
}
# SQLite changes a table by copying it and dropping the old one, which, with foreign keys on, deletes what refers to it.
# It cannot be switched off inside a transaction (https://www.sqlite.org/lang_altertable.html, section 7).
_WITHOUT_REFERENCES: Final[dict[str, Any]] = {"enable_foreign_keys": False}


def in_memory(settings: DatabaseSettings) -> bool:
    """Tell whether the database lives in this process only."""
    return settings.type == "sqlite" and getattr(settings, "database", None) == ":memory:"


@asynccontextmanager
async def migration_connection(settings: DatabaseSettings) -> AsyncGenerator[AsyncConnection]:
    """Open a connection of its own, without the timeouts of requests; on PostgreSQL, wait for other migrations."""
    if in_memory(settings):
        async with _shared(settings.engine, enforce=getattr(settings, "enable_foreign_keys", True)) as connection:
            yield connection
        return
    changes = _PATIENT if settings.type == "postgres" else _WITHOUT_REFERENCES
    async with DatabaseRuntime(settings.model_copy(update=changes)) as runtime:
        if settings.type == "sqlite":
            async with runtime.engine.connect() as connection:
                yield connection
            return
        async with _alone(runtime.engine), runtime.engine.connect() as connection:
            yield connection


@asynccontextmanager
async def _shared(engine: AsyncEngine, *, enforce: bool) -> AsyncGenerator[AsyncConnection]:
    """Borrow a connection to a database in memory, which no other engine reaches."""
    async with engine.connect() as connection:
        await connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        await connection.commit()
        try:
            yield connection
        finally:
            await connection.rollback()
            await connection.exec_driver_sql(f"PRAGMA foreign_keys={'ON' if enforce else 'OFF'}")


@asynccontextmanager
async def _alone(engine: AsyncEngine) -> AsyncGenerator[None]:
    """Let one process at a time migrate a PostgreSQL database: all hosts of a deployment may start at once.

    The lock has a connection and a transaction of its own, so a migration may commit in between, and a pooler in
    transaction mode cannot lose it.
    """
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        # CREATE INDEX CONCURRENTLY, in the migration, waits for all transactions that hold a snapshot: this one must
        # not, which takes the lowest isolation level, whatever the role's is, and a last statement without a portal.
        async with driver.transaction(isolation="read_committed"):
            if not await driver.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK):
                _logger.info("another process migrates this database: waiting for it")
                await driver.fetchval("SELECT pg_advisory_xact_lock($1)", _LOCK)
            await driver.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            yield


def lock_file(connection: Connection) -> None:
    """Become the one writer of an SQLite file, before the present revision is read."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def lost_references(connection: Connection) -> str | None:
    """Say which rows of an SQLite database refer to rows that are not there, or None if all is well."""
    found: dict[tuple[str, str], int] = {}
    for table, _rowid, parent, _key in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        found[table, parent] = found.get((table, parent), 0) + 1
    if not found:
        return None
    return ", ".join(f"{count} of {table} to {parent}" for (table, parent), count in sorted(found.items()))
