"""Database settings."""

from typing import Any, Literal, Self, Unpack, overload

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from belgie.alchemy.runtime import DatabaseRuntime


class DatabaseSettings(BaseSettings, frozen=True):
    """The settings of one database: PostgreSQL or SQLite, told apart by `type`."""

    model_config = SettingsConfigDict(
        env_prefix="BELGIE_DATABASE_", extra="ignore", hide_input_in_errors=True, defer_build=True
    )

    type: Literal["postgres", "sqlite"]
    echo: bool = False

    def __new__(cls, **values: Any) -> Any:
        if cls is DatabaseSettings:
            cls = PostgresSettings if values.get("type") == "postgres" else SqliteSettings
        return super().__new__(cls)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)

    @classmethod
    def from_url(cls, url: str) -> "DatabaseSettings":
        """Settings from a URL."""
        parsed = make_url(url)
        if parsed.drivername.startswith("postgres"):
            return PostgresSettings(
                host=parsed.host, port=parsed.port, database=parsed.database, username=parsed.username, password=""
            )
        return SqliteSettings(database=parsed.database or ":memory:")

    @property
    def runtime(self) -> DatabaseRuntime:
        """The one runtime of this object."""
        found = _RUNTIMES.get(id(self))
        if found is None:
            found = _RUNTIMES[id(self)] = DatabaseRuntime(self)
        return found


_RUNTIMES = {}


class PostgresSettings(DatabaseSettings, frozen=True):
    """A PostgreSQL database."""

    model_config = SettingsConfigDict(defer_build=False)

    type: Literal["postgres"] = "postgres"
    host: str
    port: int = 5432
    database: str
    username: str
    password: SecretStr


class SqliteSettings(DatabaseSettings, frozen=True):
    """An SQLite database."""

    model_config = SettingsConfigDict(defer_build=False)

    type: Literal["sqlite"] = "sqlite"
    database: str
    enable_foreign_keys: bool = True
