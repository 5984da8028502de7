"""The engine for PostgreSQL, over asyncpg."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from sqlalchemy import URL, NullPool, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from belgie.alchemy.errors import translate
from belgie.alchemy.pool import LoopBoundPool, remember_loop
from belgie.alchemy.tls import tls_argument
from belgie.alchemy.url import split_host
from proto import UnavailableError

if TYPE_CHECKING:
    from belgie.alchemy.settings import PostgresSettings

_CACHED_STATEMENTS = 100
_READ_ONLY_TRANSACTION = "25006"


def postgres_url(settings: "PostgresSettings") -> URL:
    """Return SQLAlchemy's URL; several hosts and a socket's folder are in its query, as SQLAlchemy has them."""
    hosts, ports = _addresses(settings)
    plain = len(hosts) == 1 and not hosts[0].startswith("/")
    query = {} if plain else {"host": tuple(f"{host}:{port}" for host, port in zip(hosts, ports, strict=True))}
    if hosts[0].startswith("/") and len(hosts) == 1:
        query = {"host": hosts[0]}
    return URL.create(
        "postgresql+asyncpg",
        username=settings.username,
        password=settings.password.get_secret_value() or None,
        host=hosts[0] if plain else None,
        port=ports[0] if plain else None,
        database=settings.database,
        query=query,
    )


def postgres_engine(settings: "PostgresSettings") -> AsyncEngine:
    """Return a new engine, not yet connected.

    Raises:
        OSError: A certificate or key cannot be read or used.
    """
    options: dict[str, Any] = {"poolclass": NullPool}
    if settings.pool != "null":
        options = {
            "poolclass": LoopBoundPool,
            "pool_size": settings.pool_size,
            "max_overflow": settings.max_overflow,
            "pool_timeout": settings.pool_timeout,
            "pool_recycle": settings.pool_recycle,
        }
    engine = create_async_engine(
        postgres_url(settings),
        echo=settings.echo,
        hide_parameters=settings.hide_parameters,
        pool_pre_ping=settings.pool_pre_ping,
        connect_args=connect_arguments(settings),
        **options,
    )
    if settings.pool_pre_ping:
        # Both settings say how long a server may be silent: no need for a third.
        ping = _ping_within(min(settings.connect_timeout, settings.command_timeout or settings.connect_timeout))
        setattr(engine.sync_engine.dialect, "do_ping", ping)  # noqa: B010 - a method, of this one object
    if settings.target_session_attrs in ("primary", "read-write"):
        event.listen(engine.sync_engine, "handle_error", _leave_read_only_server)
    event.listen(engine.sync_engine, "connect", remember_loop)
    return engine


def connect_arguments(settings: "PostgresSettings") -> dict[str, Any]:
    """Return what `asyncpg.connect` gets beside the URL."""
    hosts, ports = _addresses(settings)
    arguments: dict[str, Any] = {
        "host": hosts if len(hosts) > 1 else hosts[0],
        "port": ports if len(ports) > 1 else ports[0],
        "ssl": tls_argument(settings),
        "target_session_attrs": settings.target_session_attrs,
        "timeout": settings.connect_timeout,
        "command_timeout": settings.command_timeout,
        "server_settings": server_settings(settings),
    }
    if settings.password_file is not None:
        arguments["password"] = _password_reader(settings.password_file.read_text)
    cached = cached_statements(settings)
    arguments["statement_cache_size"] = arguments["prepared_statement_cache_size"] = cached
    if cached == 0:
        # Behind a pooler, another client's statement may have the name that asyncpg would count up to.
        arguments["prepared_statement_name_func"] = lambda: f"__belgie_{uuid4().hex}__"
    return arguments


def cached_statements(settings: "PostgresSettings") -> int:
    """Return how many prepared statements a connection keeps: none behind a pooler in transaction mode."""
    if settings.statement_cache_size is not None:
        return settings.statement_cache_size
    return 0 if settings.pool == "pgbouncer" else _CACHED_STATEMENTS


def server_settings(settings: "PostgresSettings") -> dict[str, str]:
    """Return the parameters of the server that every connection starts with."""
    found = {"application_name": settings.application_name}
    if settings.pool == "pgbouncer":
        return found  # it refuses those that it does not know
    if settings.read_only:
        found["default_transaction_read_only"] = "on"
    timeouts = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout,
    }
    found |= {name: f"{max(1, round(seconds * 1000))}ms" for name, seconds in timeouts.items() if seconds is not None}
    texts = {"search_path": settings.search_path, "options": settings.options}
    return found | {name: text for name, text in texts.items() if text is not None}


def _leave_read_only_server(context: ExceptionContext) -> None:
    """Connect anew where the server takes no writes any more: a failover can leave the connections to it open."""
    if getattr(context.original_exception, "sqlstate", None) == _READ_ONLY_TRANSACTION:
        context.is_disconnect = True


def _ping_within(seconds: float) -> Callable[[Any], bool]:
    """Return what tells whether a kept connection still works: it answers within so many seconds.

    A firewall that forgot an idle connection drops what is sent over it without a word. SQLAlchemy's own ping would
    wait as long as for any statement, and then fail the request.
    """

    def question(driver: Any) -> Awaitable[str]:
        # The simple protocol: one round trip, and nothing prepared that a pooler would have to keep.
        return driver.execute("SELECT 1", timeout=seconds)

    def ping(connection: Any) -> bool:
        try:
            connection.run_async(question)
        except Exception as error:
            if not isinstance(translate(error), UnavailableError):
                raise
            connection.driver_connection.terminate()
            return False
        return True

    return ping


def _addresses(settings: "PostgresSettings") -> tuple[list[str], list[int]]:
    pairs = [split_host(part) for part in settings.host.split(",")]
    return [host for host, _ in pairs], [settings.port if port is None else port for _, port in pairs]


def _password_reader(read: Callable[[], str]) -> Callable[[], Any]:
    async def password() -> str:
        return (await asyncio.to_thread(read)).rstrip("\r\n")

    return password
