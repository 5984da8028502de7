"""One small SELECT, put to the driver itself over a connection of the engine's pool.

SQLAlchemy knows the statement, the columns' types and the pool. What lies between these in every execution (a cursor, a
result, its events, a transaction on PostgreSQL, several hops to the thread of an SQLite connection) costs two thirds
of a look-up by primary key, and does nothing for it.
"""

import logging
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final, Self, cast

from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    Select,
    String,
    Time,
    Uuid,
)
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlalchemy.util import await_only, greenlet_spawn

from belgie.alchemy.postgres import cached_statements
from belgie.alchemy.settings import DatabaseRuntime, PostgresSettings

__all__ = ["DirectSelect", "LostConnectionError"]

_ENGINE_LOG: Final = logging.getLogger("sqlalchemy.engine.Engine")

#: What tells of a statement, or of the connection that is to run it.
_EVENTS: Final = (
    "engine_connect",
    "begin",
    "before_execute",
    "after_execute",
    "before_cursor_execute",
    "after_cursor_execute",
)

#: What belgie itself listens to; see `sqlite_engine`.
_OWN_LISTENERS: Final = {"sqlite": 1}

#: What reads nothing of a column but its values; PostgreSQL's numbers also read what kind the server says they are.
_PLAIN_TYPES: Final = (Boolean, Date, DateTime, Integer, JSON, LargeBinary, String, Time, Uuid)


class LostConnectionError(Exception):
    """The connection is lost: the pool is to learn that from SQLAlchemy, which then takes the others for lost, too."""


class DirectSelect:
    """Runs a SELECT with one parameter that returns at most one row.

    An engine that logs, or that somebody listens to (statement logs, tracing), is not gone round: there the statement
    is executed as any other, and so is one with further parameters.

    Args:
        engine: the engine.
        statement: what to run.
        parameter: its parameter's name.
        kind: the type of the column that the parameter is compared with.
        alone: whether a single statement needs no transaction; behind a pooler in transaction mode it does.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        statement: Select[*tuple[Any, ...]],
        parameter: str,
        kind: TypeEngine[Any],
        *,
        alone: bool,
    ) -> None:
        self.engine = engine
        sync = engine.sync_engine
        dialect = sync.dialect
        self._engine = sync
        self._postgres = dialect.name == "postgresql"
        # On SQLite a read begins nothing, and setting the level would cost more than it saves.
        self._reader = sync.execution_options(isolation_level="AUTOCOMMIT") if alone and self._postgres else sync
        self._listeners = _OWN_LISTENERS.get(dialect.name, 0)
        self._statement = statement
        self._parameter = parameter
        compiled: Any = statement.compile(dialect=dialect)
        self._text = str(compiled)
        # A column's type may bring parameters of its own, such as a key for `pgp_sym_decrypt`.
        types = [each.type for each in statement.selected_columns]
        plain = not self._postgres or all(_reads_value_only(each, dialect) for each in types)
        self._alone = alone and compiled.positiontup == [parameter] and plain
        self._bind = kind.dialect_impl(dialect).bind_processor(dialect)
        self._results = [each.dialect_impl(dialect).result_processor(dialect, None) for each in types] if plain else []

    @classmethod
    def of(
        cls, runtime: DatabaseRuntime, statement: Select[*tuple[Any, ...]], parameter: str, kind: TypeEngine[Any]
    ) -> Self:
        """Return the SELECT on a runtime's database."""
        settings = runtime.settings
        alone = not isinstance(settings, PostgresSettings) or cached_statements(settings) > 0
        return cls(runtime.engine, statement, parameter, kind, alone=alone)

    async def one_or_none(self, value: Any) -> Sequence[Any] | None:
        """Return the row in which the column has `value`, or None."""
        if self.may_ask_driver:
            with suppress(LostConnectionError):
                return await self.ask_driver(value)
        return await greenlet_spawn(self._execute, value)

    async def ask_driver(self, value: Any) -> Sequence[Any] | None:
        """Return the row in which the column has `value`, or None; only if `may_ask_driver`.

        Raises:
            LostConnectionError: ask in another way.
        """
        return await greenlet_spawn(self._ask_driver, value)

    @property
    def may_ask_driver(self) -> bool:
        """Whether nobody would notice that it goes round SQLAlchemy."""
        events: Any = self._engine.dispatch
        listeners = sum(len(getattr(events, name)) for name in _EVENTS)
        quiet = not self._engine.echo and not _ENGINE_LOG.isEnabledFor(logging.INFO)
        return self._alone and quiet and listeners == self._listeners and not self._engine.get_execution_options()

    def _execute(self, value: Any) -> Sequence[Any] | None:
        with self._reader.connect() as connection:
            return connection.execute(self._statement, {self._parameter: value}).one_or_none()

    def _ask_driver(self, value: Any) -> Sequence[Any] | None:
        sent = value if self._bind is None else self._bind(value)
        connection = self._engine.raw_connection()
        driver: Any = connection.driver_connection
        try:
            row = await_only(self._fetch(driver, sent))
        except BaseException as error:
            lost = self._postgres and isinstance(error, Exception) and driver.is_closed()
            # Nobody knows whether it can still be used: the caller may have been cancelled before the answer came.
            connection.invalidate(error)
            if lost:
                raise LostConnectionError from error
            raise
        connection.close()
        if row is None:
            return None
        return [raw if process is None else process(raw) for process, raw in zip(self._results, row, strict=True)]

    async def _fetch(self, driver: Any, sent: Any) -> Sequence[Any] | None:
        if self._postgres:
            return await driver.fetchrow(self._text, sent)
        return next(iter(await driver.execute_fetchall(self._text, (sent,))), None)


def _reads_value_only(kind: TypeEngine[Any], dialect: Dialect) -> bool:
    used = kind.dialect_impl(dialect)
    if isinstance(used, TypeDecorator):
        return _reads_value_only(used.impl_instance, dialect)
    if isinstance(used, ARRAY):
        return _reads_value_only(cast("ARRAY[Any]", used).item_type, dialect)
    return isinstance(used, _PLAIN_TYPES)
