"""Database URLs, as platforms and people write them, taken apart into settings.

No message here repeats a part of the URL, which may hold the password, save for the names of its parameters.
"""

from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

_SCHEMES = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "postgresql+asyncpg": "postgres",
    "sqlite": "sqlite",
    "sqlite+aiosqlite": "sqlite",
}
_ENCODE = "a ':', '/', '?', '#', '@' or '%' in a name or password must be percent-encoded"

# Parameters of libpq (https://www.postgresql.org/docs/current/libpq-connect.html) under the names of our settings.
_RENAMED = {
    "sslmode": "ssl",
    "sslrootcert": "ssl_root_cert",
    "sslcert": "ssl_cert",
    "sslkey": "ssl_key",
    "sslpassword": "ssl_key_password",
    "ssl": "ssl",
    "dbname": "database",
    "user": "username",
    "host": "host",
    "port": "port",
    "password": "password",
    "currentSchema": "search_path",  # JDBC
    "schema": "search_path",  # Prisma
    "options": "options",
    "connect_timeout": "connect_timeout",
    "command_timeout": "command_timeout",
    "application_name": "application_name",
    "fallback_application_name": "application_name",
    "statement_cache_size": "statement_cache_size",
    "prepared_statement_cache_size": "statement_cache_size",  # SQLAlchemy
    "target_session_attrs": "target_session_attrs",
    "search_path": "search_path",
    "statement_timeout": "statement_timeout",
    "lock_timeout": "lock_timeout",
    "pool_size": "pool_size",
    "max_overflow": "max_overflow",
    "pool_timeout": "pool_timeout",
    "pool": "pool",
}
# What only libpq can do: the value that asks for nothing is taken, every other is refused.
_HARMLESS: dict[str, frozenset[str]] = {
    "channel_binding": frozenset({"disable", "prefer"}),
    "client_encoding": frozenset({"auto", "utf8", "utf-8", "unicode"}),
    "gssencmode": frozenset({"disable", "prefer"}),
    "load_balance_hosts": frozenset({"disable"}),
    "passfile": frozenset(),
    "replication": frozenset({"false", "off", "no", "0"}),
    "require_auth": frozenset(),
    "sslcompression": frozenset({"0"}),
    "sslnegotiation": frozenset({"postgres"}),
    "sslsni": frozenset({"1"}),
    "ssl_min_protocol_version": frozenset({"tlsv1.2"}),
}
_SQLITE_URI = frozenset({"cache", "immutable", "mode", "nolock", "psow", "vfs"})
_SQLITE_RENAMED = frozenset({"busy_timeout", "journal_mode", "pool_size", "synchronous"})


def parse_url(text: str) -> dict[str, Any]:
    """Return the settings that a database URL stands for; `type` is always among them.

    Raises:
        ValueError: The URL cannot be understood, or asks for what asyncpg cannot do.
    """
    scheme, found, rest = text.strip().partition("://")
    kind = _SCHEMES.get(scheme.lower())
    if not found or kind is None:
        msg = "the URL must begin with postgresql://, postgres://, postgresql+asyncpg://, sqlite:// or sqlite+aiosqlite://"
        raise ValueError(msg)
    if kind == "postgres" and ("#" in rest or any(character.isspace() for character in rest)):
        msg = f"the URL holds a '#' or a blank: {_ENCODE}"
        raise ValueError(msg)
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    parameters = _parse_query(query)
    if kind == "postgres":
        return {"type": kind, **_parse_postgres(authority, path, parameters)}
    return {"type": kind, **_parse_sqlite(authority, path, parameters)}


def split_host(text: str) -> tuple[str, int | None]:
    """Return host and port of `host`, `host:port`, `[::1]:port`, `::1` or a socket's folder.

    Raises:
        ValueError: The port is no number between 1 and 65535, or the host is empty.
    """
    if text.startswith("/"):
        folder, colon, port = text.rpartition(":")
        return (folder, _port(port)) if colon and port.isdigit() else (text, None)
    host, port = text, ""
    if text.startswith("["):
        host, closed, port = text[1:].partition("]")
        if not closed or (port and not port.startswith(":")):
            msg = "an IPv6 address in brackets must be written [address] or [address]:port"
            raise ValueError(msg)
        port = port[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    if not host or (":" in host and not _is_address(host)):
        msg = "a host must be a name, an address, or the folder of a Unix socket"
        raise ValueError(msg)
    return host, _port(port) if port else None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):  # noqa: PLR2004 - the largest port
        msg = f"a port must be a number between 1 and 65535; {_ENCODE}"
        raise ValueError(msg)
    return int(text)


def _decode(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        msg = "a percent-encoded part of the URL is not UTF-8"
        raise ValueError(msg) from None


def _parse_query(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(_decode(name), _decode(value)) for name, _, value in pairs]


def _parse_postgres(authority: str, path: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
    credentials, _, hosts = authority.rpartition("@")
    found = _credentials(credentials)
    if hosts:
        found.update(_hosts(_decode(hosts)))
    if path:
        found["database"] = _decode(path)
    query: dict[str, Any] = {}
    several: dict[str, list[str]] = {"host": [], "port": []}  # these may be repeated, as SQLAlchemy writes them
    for name, value in parameters:
        if name in several:
            several[name] += value.split(",")
        else:
            query.update(_parameter(name, value))
    if several["host"]:
        query.update(_hosts(",".join(several["host"]), several["port"]))
    elif several["port"]:
        query["port"] = _port(several["port"][0])
    return {**found, **query}


def _credentials(text: str) -> dict[str, Any]:
    if "@" in text:
        msg = f"the URL holds more than one '@': {_ENCODE}"
        raise ValueError(msg)
    username, colon, password = text.partition(":")
    found = {"username": _decode(username)} if username else {}
    return {**found, "password": _decode(password)} if colon else found


def _hosts(text: str, ports: list[str] | None = None) -> dict[str, Any]:
    """Return `host`, and `port` where there is one host."""
    hosts = [split_host(part) for part in text.split(",")]
    if ports:
        if len(ports) == 1:
            ports *= len(hosts)
        if len(ports) != len(hosts):
            msg = "the URL names a different number of hosts and ports"
            raise ValueError(msg)
        hosts = [(host, _port(port)) for (host, _), port in zip(hosts, ports, strict=True)]
    if len(hosts) == 1:
        host, port = hosts[0]
        return {"host": host} if port is None else {"host": host, "port": port}
    return {"host": ",".join(join_host(host, port) for host, port in hosts)}


def join_host(host: str, port: int | None) -> str:
    """Return what `split_host` takes apart."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _parameter(name: str, value: str) -> dict[str, Any]:
    if name == "pgbouncer":  # Prisma and Supabase
        return {"pool": "pgbouncer"} if value.lower() == "true" else {}
    if name == "target_session_attrs" and value == "":
        return {}
    if setting := _RENAMED.get(name):
        if setting == "ssl" and value.lower() in {"true", "1"}:
            value = "verify-full"
        return {setting: value}
    harmless = _HARMLESS.get(name)
    if harmless is None:
        names = ", ".join(sorted({*_RENAMED, *_HARMLESS, "pgbouncer"}))
        msg = f"the URL's parameter {name!r} has no meaning for asyncpg: remove it; known are {names}"
        raise ValueError(msg)
    if value.lower() not in harmless:
        allowed = f"only {', '.join(sorted(harmless))} can be given" if harmless else "remove it"
        msg = f"asyncpg cannot do what the URL's parameter {name!r} asks for: {allowed}"
        raise ValueError(msg)
    return {}


def _parse_sqlite(authority: str, path: str, parameters: list[tuple[str, str]]) -> dict[str, Any]:
    if authority:
        msg = "an SQLite URL has three slashes before a relative path and four before an absolute one"
        raise ValueError(msg)
    found: dict[str, Any] = {}
    uri: list[str] = []
    for name, value in parameters:
        if name in _SQLITE_RENAMED:
            found[name] = value
        elif name in _SQLITE_URI:
            uri.append(f"{name}={value}")
        elif name != "uri":
            names = ", ".join(sorted(_SQLITE_URI | _SQLITE_RENAMED))
            msg = f"the URL's parameter {name!r} is unknown to SQLite; known are {names}"
            raise ValueError(msg)
    database = _decode(path) or ":memory:"
    if uri:
        # SQLite decodes the path of a file: URI itself
        database = f"{path if path.startswith('file:') else f'file:{path or ":memory:"}'}?{'&'.join(uri)}"
    return {**found, "database": database}
