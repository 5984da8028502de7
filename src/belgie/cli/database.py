"""`belgie db ping` and `belgie db create`."""

from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, MetaData, event

from belgie.alchemy.databases import Databases
from belgie.alchemy.runtime import DatabaseRuntime, Ping
from belgie.alchemy.settings import DatabaseSettings, PostgresSettings, SqliteSettings
from belgie.cli.failure import FailureError

_NAMES = {"postgres": "PostgreSQL", "sqlite": "SQLite"}


def runtime_of(name: str | None, env_file: Path | None) -> DatabaseRuntime:
    """Return the runtime of the database that the environment describes.

    Args:
        name: of one of several databases, or None for the one without a name.
        env_file: a file of variables beside those of the process.

    Raises:
        FailureError: there is no database of this name.
        ValidationError: its settings are wrong.
    """
    if name is None:
        return DatabaseSettings(_env_file=env_file).runtime
    databases = Databases(env_file=env_file)
    if name not in databases.databases:
        known = ", ".join(databases.databases) or "none"
        msg = (
            f"the environment describes no database {name!r} (BELGIE_DATABASE_{name.upper()}__...); there are: {known}"
        )
        raise FailureError(msg)
    return databases[name]


def whereabouts(settings: DatabaseSettings) -> str:
    """Return where the database is, without user and password."""
    if settings.type == "sqlite":
        return cast("SqliteSettings", settings).database
    postgres = cast("PostgresSettings", settings)
    return f"{postgres.database} at {postgres.host}, port {postgres.port}"


async def ping(runtime: DatabaseRuntime, wait: float | None) -> str:
    """Ask the database for its version, and return what to print.

    Args:
        runtime: the database's.
        wait: seconds to go on trying, or None for one try.
    """
    async with runtime:
        answer: Ping = await (runtime.ping() if wait is None else runtime.wait(wait))
    name = _NAMES[runtime.settings.type]
    return f"{name} {answer.version} answered in {answer.latency * 1000:.1f} ms: {whereabouts(runtime.settings)}"


async def create(runtime: DatabaseRuntime, metadata: MetaData) -> list[str]:
    """Create the tables that are missing, and return their names.

    Raises:
        FailureError: the database would end with this command.
    """
    settings = runtime.settings
    if settings.type == "sqlite" and cast("SqliteSettings", settings).database == ":memory:":
        msg = "the settings name a database in memory, which ends with this command: call runtime.create_all() instead"
        raise FailureError(msg)
    created: list[str] = []

    def note(_target: MetaData, _connection: Connection, *, tables: Any = (), **_options: Any) -> None:
        created.extend(table.fullname for table in tables or ())

    event.listen(metadata, "after_create", note)
    try:
        async with runtime:
            await runtime.create_all(metadata)
    finally:
        event.remove(metadata, "after_create", note)
    return created
