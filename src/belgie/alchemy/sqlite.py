"""The engine for SQLite, over aiosqlite.

Transactions: a read takes no lock beyond its statement, as SQLite's own autocommit has it; the first write begins an
immediate transaction. So readers never block, and a read followed by a write never fails for a stale snapshot.
"""

import os
import re
import sqlite3
import weakref
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Dialect, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.selectable import GenerativeSelect

from belgie.alchemy.one_hop import connect
from belgie.alchemy.pool import TurnPool

if TYPE_CHECKING:
    from belgie.alchemy.settings import SqliteSettings

# sqlite3 begins a transaction by itself before INSERT, UPDATE, DELETE and REPLACE, but not before these.
_BEFORE = r"(?:[\s(]|--[^\n]*\n|/\*.*?\*/)*"
_BEGINS = re.compile(_BEFORE + r"(?:SAVEPOINT|CREATE|ALTER|DROP|REINDEX|ANALYZE)\b", re.IGNORECASE | re.DOTALL)
_WITH = re.compile(_BEFORE + r"WITH\b", re.IGNORECASE | re.DOTALL)
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


class MemoryAnchor:
    """Keeps a database in memory alive while no session has a connection to it."""

    def __init__(self) -> None:
        self.uri = f"file:/belgie-{token_hex(16)}?vfs=memdb"
        self._process = os.getpid()
        self._close: weakref.finalize[[], MemoryAnchor] | None = None

    def hold(self) -> None:
        """Keep the database from now on.

        Raises:
            RuntimeError: This is a forked process, which has no part in its parent's memory.
        """
        if os.getpid() != self._process:
            msg = "a database in memory is not shared with a forked process: use a file, or make the settings after it"
            raise RuntimeError(msg)
        if self._close is None or not self._close.alive:
            connection = sqlite3.connect(self.uri, uri=True, check_same_thread=False)
            self._close = weakref.finalize(self, connection.close)

    def release(self) -> None:
        """Let the database go with its last connection."""
        if self._close is not None:
            self._close()


def sqlite_url(settings: "SqliteSettings") -> URL:
    """Return SQLAlchemy's URL."""
    if settings.database.startswith("file:"):
        path, _, query = settings.database.partition("?")
        pairs = (part.partition("=") for part in query.split("&") if part)
        return URL.create(
            "sqlite+aiosqlite", database=path, query={**{name: value for name, _, value in pairs}, "uri": "true"}
        )
    return URL.create("sqlite+aiosqlite", database=settings.database)


def sqlite_engine(settings: "SqliteSettings", anchor: MemoryAnchor) -> AsyncEngine:
    """Return a new engine, not yet connected.

    Raises:
        FileNotFoundError: The folder of the database's file does not exist.
    """
    memory = settings.database == ":memory:"
    if not memory and not settings.database.startswith("file:"):
        folder = Path(settings.database).absolute().parent
        if not folder.is_dir():
            msg = (
                f"the folder of the SQLite database does not exist: {folder}; create it, or change the database's path"
            )
            raise FileNotFoundError(msg)
    engine = create_async_engine(
        sqlite_url(settings),
        echo=settings.echo,
        hide_parameters=settings.hide_parameters,
        poolclass=TurnPool,
        pool_size=settings.pool_size,
        max_overflow=settings.max_overflow,
        pool_timeout=settings.pool_timeout,
        connect_args={
            "isolation_level": "IMMEDIATE",
            "timeout": settings.busy_timeout,
            "async_creator_fn": connect,
        },
    )
    pragmas = _pragmas(settings)

    @event.listens_for(engine.sync_engine, "do_connect")
    def _address(_dialect: Dialect, _entry: ConnectionPoolEntry, cargs: list[Any], cparams: dict[str, Any]) -> None:
        if memory:
            anchor.hold()
            cargs[:] = [anchor.uri]
            cparams["uri"] = True

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    event.listen(engine.sync_engine, "before_cursor_execute", _begin)
    return engine


def _pragmas(settings: "SqliteSettings") -> list[str]:
    found = [f"PRAGMA foreign_keys={'ON' if settings.enable_foreign_keys else 'OFF'}"]
    if settings.read_only:
        return [*found, "PRAGMA query_only=ON"]
    if settings.database != ":memory:":  # which has no journal on a disk
        found += [f"PRAGMA journal_mode={settings.journal_mode}", f"PRAGMA synchronous={settings.synchronous}"]
    return found


def _begin(
    connection: Connection,
    _cursor: DBAPICursor,
    statement: str,
    _parameters: Any,
    context: ExecutionContext | None,
    _many: bool,
) -> None:
    """Begin an immediate transaction before a write that sqlite3 does not see as one."""
    writes = _BEGINS.match(statement) or (_WITH.match(statement) and _WRITES.search(statement)) or _locks(context)
    if not writes:
        return
    driver = connection.connection.driver_connection
    if driver is not None and driver.isolation_level is not None and not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _locks(context: ExecutionContext | None) -> bool:
    """Tell whether it is a `SELECT ... FOR UPDATE`, which SQLite has no words for."""
    statement = getattr(getattr(context, "compiled", None), "statement", None)
    return isinstance(statement, GenerativeSelect) and statement._for_update_arg is not None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no public way to ask
