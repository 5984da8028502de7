"""Where an application's database is, from the environment or from arguments.

`DatabaseSettings` is the face of a union of `PostgresSettings` and `SqliteSettings`, told apart by `type`.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from typing import Annotated, Any, Literal, Self, Unpack, cast, overload

from pydantic import (
    Field,
    FilePath,
    GetCoreSchemaHandler,
    PrivateAttr,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, core_schema
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from belgie.alchemy.fields import Hosts, Name, PathText, Seconds, Text
from belgie.alchemy.options import (
    JournalMode,
    PoolMode,
    PostgresFields,
    PostgresOptions,
    SessionAttributes,
    SqliteFields,
    SqliteOptions,
    SslMode,
    Synchronous,
)
from belgie.alchemy.refusal import Refusal, refuse, retell
from belgie.alchemy.replica import ReplicaSettings
from belgie.alchemy.runtime import DatabaseRuntime, RuntimeSlot
from belgie.alchemy.sources import Kind, arguments, mapping, parts_of, select_kind

__all__ = ["DatabaseRuntime", "DatabaseSettings", "PostgresSettings", "ReplicaSettings", "SqliteSettings"]


class DatabaseSettings(BaseSettings, frozen=True):  # pyright: ignore[reportGeneralTypeIssues] - frozen lets `type` narrow
    """The settings of one database: `PostgresSettings` or `SqliteSettings`, as `type` says.

    Calling it gives one of the two; without a `type`, the URL's, and without a URL, SQLite. What is not given comes
    from `BELGIE_DATABASE_*`. Of several sources the first wins: an argument, the `url` argument, a variable,
    `BELGIE_DATABASE_URL`.

    The settings do not change. An engine belongs to one settings object: a copy, or an equal object, has its own.
    """

    model_config = SettingsConfigDict(
        env_prefix="BELGIE_DATABASE_",
        env_nested_delimiter="__",
        extra="ignore",
        hide_input_in_errors=True,
        defer_build=True,
    )

    type: Kind
    url: SecretStr | None = Field(default=None, exclude=True, repr=False)
    """Taken apart into the other fields, and then forgotten."""
    echo: bool = False
    """Log every statement."""
    hide_parameters: bool = True
    """Keep the values in statements out of logs and error texts."""
    autoflush: bool = True
    read_only: bool = False
    """Refuse writes: the database does."""
    pool_size: int = Field(default=5, ge=1)
    max_overflow: int = Field(default=10, ge=-1)
    """Connections beyond `pool_size`; -1 is no limit."""
    pool_timeout: Seconds = 30.0
    """Seconds to wait for a free connection."""

    _slot: RuntimeSlot = PrivateAttr(default_factory=RuntimeSlot)

    @overload
    def __new__(cls, *, type: Literal["postgres"], **values: Unpack[PostgresFields]) -> "PostgresSettings": ...
    @overload
    def __new__(cls, *, type: Literal["sqlite"], **values: Unpack[SqliteFields]) -> "SqliteSettings": ...
    @overload
    def __new__(cls, **values: Any) -> Self: ...
    def __new__(cls, **values: Any) -> Any:
        """Make room for the settings of the kind that the arguments, or else the environment, ask for."""
        model: Any = _CLASSES[select_kind(values)] if cls is DatabaseSettings else cls
        return super().__new__(model)

    def __init__(self, **values: Any) -> None:
        """Read the settings.

        Raises:
            ValidationError: A setting is missing, unknown or wrong; the error names its environment variable, and
                shows no value.
        """
        model = type(self)
        prefix = values.get("_env_prefix", model.model_config.get("env_prefix", ""))
        try:
            super().__init__(**arguments(model, _CLASSES.values(), values))
        except ValidationError as error:
            problem = retell(error, model, prefix)
        else:
            return
        raise problem

    @classmethod
    def from_url(cls, url: str | SecretStr, **values: Any) -> Self:
        """Return the settings that a URL stands for; a keyword beside it wins.

        `postgresql://user:p%40ss@host:5433/db?sslmode=require`, `postgres://`, `postgresql+asyncpg://`,
        `sqlite:///relative.db`, `sqlite:////absolute.db`, or `sqlite://` for a database in memory.

        Raises:
            ValidationError: The URL cannot be understood, or asks for what asyncpg cannot do.
        """
        return cls(url=url, **values)

    @property
    def runtime(self) -> DatabaseRuntime:
        """The runtime of this settings object: the one that `DatabaseRuntime(settings)` returns, too."""
        return DatabaseRuntime(self)

    @property
    def replica_settings(self) -> "DatabaseSettings | None":
        """The complete settings of the replica, if there is one."""
        return None

    @property
    def engine(self) -> AsyncEngine:
        """The runtime's engine."""
        return self.runtime.engine

    @property
    def session_maker(self) -> async_sessionmaker[AsyncSession]:
        """The runtime's session maker."""
        return self.runtime.session_maker

    @property
    def dependency(self) -> Callable[..., AsyncGenerator[AsyncSession]]:
        """The runtime's FastAPI dependency."""
        return self.runtime.dependency

    def __copy__(self) -> Self:
        """Return equal settings, without the engine."""
        return self._detached(super().__copy__())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Return equal settings, without the engine."""
        return self._detached(super().__deepcopy__(memo))

    @staticmethod
    def _detached[S: DatabaseSettings](copied: S) -> S:
        setattr(copied, "_slot", RuntimeSlot())  # noqa: B010 - a frozen model lets its private attributes be set
        return copied

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse a third kind of database: nothing would know how to connect to it."""
        super().__pydantic_init_subclass__(**kwargs)
        if "_CLASSES" in globals() and not issubclass(cls, tuple(_CLASSES.values())):
            msg = "derive from PostgresSettings or SqliteSettings: DatabaseSettings stands for the two"
            raise TypeError(msg)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a tagged union on the base, and as itself on a subclass, never showing the input."""
        if cls is not DatabaseSettings:
            return core_schema.no_info_wrap_validator_function(cls._validate_one, handler(source))
        choices = {kind: handler.generate_schema(model) for kind, model in _CLASSES.items()}
        union = core_schema.tagged_union_schema(cast("dict[Any, CoreSchema]", choices), discriminator="type")
        return core_schema.no_info_wrap_validator_function(cls._validate_any, union)

    @classmethod
    def _validate_one(cls, value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return inner(value if isinstance(value, DatabaseSettings) else mapping(cls.__name__, value))

    @classmethod
    def _validate_any(cls, value: Any, inner: core_schema.ValidatorFunctionWrapHandler) -> Any:
        return inner(value) if isinstance(value, DatabaseSettings) else cls(**mapping(cls.__name__, value))

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Fill in what the URL of the environment says, after every single variable and argument."""
        found = dict(data)
        if url := found.pop("url", None):
            parts = parts_of(cls.__name__, url)
            # A URL of the other kind is for another part of the program: an explicit type wins.
            if parts.pop("type") == found["type"]:
                found = {**parts, **found}
                if found["type"] == "postgres":
                    found.setdefault("password", "")  # a URL without a password says that there is none
        if str(found.get("host", "")).startswith("/") or found.get("password_file") or found.get("ssl_cert"):
            found.setdefault("password", "")
        return found


class PostgresSettings(DatabaseSettings, frozen=True):
    """A PostgreSQL database, reached through asyncpg."""

    model_config = SettingsConfigDict(defer_build=False)

    type: Literal["postgres"] = "postgres"
    host: Hosts
    """A name, an address, the folder of a Unix socket, or several `host:port`, tried in turn."""
    port: int = Field(default=5432, ge=1, le=65535)
    database: Text
    username: Text
    password: SecretStr
    """Empty where the server asks for none; then libpq's PGPASSWORD and .pgpass count."""
    password_file: FilePath | None = None
    """A file with the password alone, read at every connect, so that it may be changed while running."""

    ssl: SslMode = "prefer"
    """As libpq's sslmode. Across a network, only verify-full keeps a stranger out of the middle."""
    ssl_root_cert: FilePath | Literal["system"] | None = None
    ssl_cert: FilePath | None = None
    ssl_key: FilePath | None = None
    ssl_key_password: SecretStr | None = None
    target_session_attrs: SessionAttributes = "any"

    pool: PoolMode = "queue"
    """null opens a connection for each use; pgbouncer is for a pooler in transaction mode."""
    pool_recycle: int = Field(default=3600, ge=-1)
    """Seconds after which a connection is replaced; -1 is never."""
    pool_pre_ping: bool = True

    connect_timeout: Seconds = 10.0
    command_timeout: Seconds | None = 60.0
    """Seconds that the client waits for one statement."""
    statement_timeout: Seconds | None = None
    """Seconds after which the server ends a statement."""
    lock_timeout: Seconds | None = None
    idle_in_transaction_timeout: Seconds | None = None
    statement_cache_size: int | None = Field(default=None, ge=0)
    """Prepared statements kept by each connection: 100, or 0 with pool="pgbouncer"."""
    application_name: Name = "belgie"
    search_path: Text | None = None
    options: Text | None = None
    """Command-line options for the server, as libpq's options."""
    replica: ReplicaSettings | None = None
    """Where `runtime.replica` reads."""

    def __new__(cls, **values: Unpack[PostgresOptions]) -> Self:  # noqa: ARG004 - for type checkers
        """Make room for the settings."""
        return super().__new__(cls)

    def __init__(self, **values: Unpack[PostgresOptions]) -> None:
        """Read the settings; raises as `DatabaseSettings` does."""
        super().__init__(**values)

    @property
    def replica_settings(self) -> "PostgresSettings | None":
        """The complete settings of the replica, if there is one: the primary's with what is different."""
        return None if self.replica is None else self.model_copy(update=self.replica.changes())

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if refusals := list(self._contradictions()):
            raise refuse(type(self).__name__, refusals)
        return self

    def _contradictions(self) -> Generator[Refusal]:
        if self.password.get_secret_value() and self.password_file:
            yield ("password_file",), "contradiction", "Give password or password_file, not both"
        certificates = ("ssl_root_cert", "ssl_cert", "ssl_key", "ssl_key_password")
        for name in certificates:
            if getattr(self, name) is not None and self.ssl in {"disable", "allow", "prefer"}:
                yield (name,), "contradiction", f"ssl={self.ssl!r} would not use it: set ssl to 'verify-full'"
        if self.ssl_root_cert == "system" and self.ssl != "verify-full":
            yield ("ssl_root_cert",), "contradiction", "The system's certificates need ssl='verify-full'"
        if self.ssl_cert is None and (self.ssl_key or self.ssl_key_password):
            yield ("ssl_key",), "contradiction", "A key needs its certificate: give ssl_cert"
        if self.pool == "pgbouncer":
            if self.statement_cache_size:
                yield ("statement_cache_size",), "contradiction", "pool='pgbouncer' needs statement_cache_size=0"
            for name in (
                "read_only",
                "statement_timeout",
                "lock_timeout",
                "idle_in_transaction_timeout",
                "search_path",
                "options",
            ):
                if getattr(self, name):
                    message = "A pooler in transaction mode loses it: set it for the role, with ALTER ROLE ... SET"
                    yield (name,), "contradiction", message


class SqliteSettings(DatabaseSettings, frozen=True):
    """An SQLite database in a file, or in memory, reached through aiosqlite."""

    model_config = SettingsConfigDict(defer_build=False)

    type: Literal["sqlite"] = "sqlite"
    database: PathText
    """A path, a `file:` URI, or `:memory:` for one database that lives as long as its runtime."""
    enable_foreign_keys: bool = True
    journal_mode: JournalMode = "wal"
    synchronous: Synchronous = "normal"
    busy_timeout: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 5.0
    """Seconds to wait for another writer."""

    def __new__(cls, **values: Unpack[SqliteOptions]) -> Self:  # noqa: ARG004 - for type checkers
        """Make room for the settings."""
        return super().__new__(cls)

    def __init__(self, **values: Unpack[SqliteOptions]) -> None:
        """Read the settings; raises as `DatabaseSettings` does."""
        super().__init__(**values)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if refusals := list(self._contradictions()):
            raise refuse(type(self).__name__, refusals)
        return self

    def _contradictions(self) -> Generator[Refusal]:
        if self.database.startswith("file:") and "mode=memory" in self.database and "cache=shared" not in self.database:
            message = "Each connection would have a database of its own: write ':memory:'"
            yield ("database",), "contradiction", message


_CLASSES: dict[Kind, type[PostgresSettings] | type[SqliteSettings]] = {
    "postgres": PostgresSettings,
    "sqlite": SqliteSettings,
}
