"""What Alembic's `env.py` calls, and what an application calls to bring its tables up to date by itself."""

import asyncio
from collections.abc import Sequence
from logging.config import fileConfig
from os import PathLike, fspath
from typing import Any, Final, cast

from alembic import command, context
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData

from belgie.alchemy.migrations.connection import in_memory, lock_file, lost_references, migration_connection
from belgie.alchemy.migrations.naming import warn_of_unnamed
from belgie.alchemy.migrations.render import rendering
from belgie.alchemy.runtime import DatabaseRuntime
from belgie.alchemy.settings import DatabaseSettings

_CONNECTION: Final = "belgie.connection"
_DIALECTS: Final = {"postgres": "postgresql", "sqlite": "sqlite"}


def run_migrations(
    database: DatabaseRuntime | DatabaseSettings,
    metadata: MetaData | Sequence[MetaData],
    **options: Any,
) -> None:
    """Do what an Alembic command asks for: all that an `env.py` has to call.

    Online, the migrations run in one transaction, on a connection without the timeouts that requests have; of several
    processes that start at once, one migrates and the others wait. Offline (`--sql`), nothing is connected.

    Args:
        database: what the application connects with; `sqlalchemy.url` of the ini file is not read.
        metadata: of the application's models: `Base.metadata`.
        options: for Alembic's `context.configure`, such as `include_object` or `version_table_schema`. By default
            `compare_type` and `render_as_batch` are on, so that a script runs on PostgreSQL and on SQLite.

    Raises:
        CommandError: the database is in memory, or a migration left rows behind that refer to nothing.
        RuntimeError: an event loop is running: use `upgrade` there.
    """
    settings = database.settings if isinstance(database, DatabaseRuntime) else database
    _set_up_logging(context.config)
    options = _options(metadata, options)
    if context.is_offline_mode():
        _write_sql(settings, options)
        return
    given: Connection | None = context.config.attributes.get(_CONNECTION)
    if given is not None:
        _migrate(given, settings, options)
        return
    if in_memory(settings):
        msg = "the settings name a database in memory, which ends with this command: use upgrade() in the application"
        raise CommandError(msg)
    _refuse_running_loop()
    asyncio.run(_connect_and_migrate(settings, options))


async def upgrade(
    database: DatabaseRuntime | DatabaseSettings,
    config: Config | str | PathLike[str] = "alembic.ini",
    revision: str = "head",
) -> None:
    """Bring the database to `revision`, from within an application or a test: what `alembic upgrade` does.

    Args:
        database: where to; it wins over the one that `env.py` names.
        config: Alembic's, or the path of its ini file.
        revision: as on Alembic's command line.

    Raises:
        CommandError: Alembic's configuration or the revision is wrong, or see `run_migrations`.
    """
    settings = database.settings if isinstance(database, DatabaseRuntime) else database
    chosen = config if isinstance(config, Config) else Config(fspath(config))

    def run(connection: Connection) -> None:
        chosen.attributes[_CONNECTION] = connection
        try:
            command.upgrade(chosen, revision)
        finally:
            del chosen.attributes[_CONNECTION]

    async with migration_connection(settings) as connection:
        await connection.run_sync(run)


async def _connect_and_migrate(settings: DatabaseSettings, options: dict[str, Any]) -> None:
    async with migration_connection(settings) as connection:
        await connection.run_sync(_migrate, settings, options)


def _migrate(connection: Connection, settings: DatabaseSettings, options: dict[str, Any]) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite and getattr(settings, "enable_foreign_keys", True):
        options = {**options, "on_version_apply": [*_callbacks(options), _check_references]}
    context.configure(connection=connection, **options)
    with context.begin_transaction():
        if sqlite and not options.get("transaction_per_migration") and not _reads_only(context.get_context()):
            lock_file(connection)
        context.run_migrations()


def _write_sql(settings: DatabaseSettings, options: dict[str, Any]) -> None:
    context.configure(
        dialect_name=_DIALECTS[settings.type], literal_binds=True, dialect_opts={"paramstyle": "named"}, **options
    )
    if settings.type == "sqlite":
        context.execute("PRAGMA foreign_keys=OFF")
    with context.begin_transaction():
        context.run_migrations()


def _options(metadata: MetaData | Sequence[MetaData], given: dict[str, Any]) -> dict[str, Any]:
    tables = _several(metadata)
    return {
        "compare_type": True,
        "render_as_batch": True,
        # belgie's SQLite engine begins a transaction before it creates or alters a table
        "transactional_ddl": True,
        **given,
        "target_metadata": metadata,
        "render_item": rendering(given.get("render_item")),
        "process_revision_directives": warn_of_unnamed(tables, given.get("process_revision_directives")),
    }


def _several(metadata: object) -> list[MetaData]:
    several: Sequence[object] = cast("Sequence[object]", metadata) if isinstance(metadata, list | tuple) else [metadata]
    found = [each for each in several if isinstance(each, MetaData)]
    if not found or len(found) != len(several):
        msg = f"run_migrations() takes the metadata of the models, as in Base.metadata; got {metadata!r}"
        raise TypeError(msg)
    return found


def _callbacks(options: dict[str, Any]) -> list[Any]:
    given = options.get("on_version_apply") or ()
    return [given] if callable(given) else list(given)


def _check_references(*, ctx: MigrationContext, step: Any, **_others: Any) -> None:
    """Refuse a migration that left rows behind which refer to nothing: SQLite did not look while it ran."""
    if ctx.connection is not None and (lost := lost_references(ctx.connection)):
        msg = f"after migration {step.up_revision_id}, rows refer to rows that do not exist: {lost}"
        raise CommandError(msg)


def _reads_only(migration: MigrationContext) -> bool:
    """Tell whether the command is one of those that look, such as `current` and `check`."""
    return bool(migration.opts.get("dont_mutate"))


def _set_up_logging(config: Config) -> None:
    """Do as the ini file says for Alembic's own command, and leave an application's logging alone."""
    if config.cmd_opts is not None and config.config_file_name is not None and config.get_section("loggers"):
        fileConfig(config.config_file_name, disable_existing_loggers=False)


def _refuse_running_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    msg = "an event loop is running: call belgie.alchemy.migrations.upgrade() instead of Alembic's command"
    raise RuntimeError(msg)
