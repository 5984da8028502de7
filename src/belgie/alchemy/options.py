"""The keywords that the settings take, for type checkers and editors: everything may also come from the environment."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, Literal, TypedDict

from pydantic import BaseModel, SecretStr

type SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]
type PoolMode = Literal["queue", "null", "pgbouncer"]
type SessionAttributes = Literal["any", "primary", "standby", "prefer-standby", "read-write", "read-only"]
type JournalMode = Literal["wal", "delete", "truncate", "persist", "memory", "off"]
type Synchronous = Literal["off", "normal", "full", "extra"]


class DatabaseOptions(TypedDict, total=False):
    """What both databases take."""

    url: str | SecretStr | None
    echo: bool
    hide_parameters: bool
    autoflush: bool
    read_only: bool
    pool_size: int
    max_overflow: int
    pool_timeout: float
    _env_file: str | PathLike[str] | None
    _env_prefix: str
    _secrets_dir: str | PathLike[str] | None


class PostgresFields(DatabaseOptions, total=False):
    """What `PostgresSettings` takes, without `type`."""

    host: str
    port: int
    database: str
    username: str
    password: str | SecretStr
    password_file: str | PathLike[str] | None
    ssl: SslMode
    ssl_root_cert: str | PathLike[str] | None
    ssl_cert: str | PathLike[str] | None
    ssl_key: str | PathLike[str] | None
    ssl_key_password: str | SecretStr | None
    target_session_attrs: SessionAttributes
    pool: PoolMode
    pool_recycle: int
    pool_pre_ping: bool
    connect_timeout: float
    command_timeout: float | None
    statement_timeout: float | None
    lock_timeout: float | None
    idle_in_transaction_timeout: float | None
    statement_cache_size: int | None
    application_name: str
    search_path: str | None
    options: str | None
    replica: BaseModel | Mapping[str, Any] | str | SecretStr | None


class PostgresOptions(PostgresFields, total=False):
    """What `PostgresSettings` takes."""

    type: Literal["postgres"]


class SqliteFields(DatabaseOptions, total=False):
    """What `SqliteSettings` takes, without `type`."""

    database: str | PathLike[str]
    enable_foreign_keys: bool
    journal_mode: JournalMode
    synchronous: Synchronous
    busy_timeout: float


class SqliteOptions(SqliteFields, total=False):
    """What `SqliteSettings` takes."""

    type: Literal["sqlite"]
