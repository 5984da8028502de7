"""What the drivers raise, told as the few errors that belgie's adapters promise.

The messages are fixed texts: what a driver says may hold an address, a path or a value. The driver's error stays the
cause, for the developer's log.
"""

import re
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from ssl import SSLCertVerificationError

from sqlalchemy import exc

from proto import AdapterError, ConflictError, InvalidValueError, UnavailableError

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES_CONFLICTS = frozenset({"23505", "23P01"})  # unique_violation, exclusion_violation
_POSTGRES_UNAVAILABLE_CLASSES = frozenset(
    {
        "08",  # connection exception
        "28",  # invalid authorization: the password was changed, the role is gone
        "40",  # transaction rollback: serialization failure, deadlock
        "53",  # insufficient resources: disk full, out of memory, too many connections
        "57",  # operator intervention: statement timeout, shutdown, starting up
        "58",  # system error
        "XX",  # internal error
    }
)
_POSTGRES_UNAVAILABLE = frozenset(
    {
        "25006",  # read-only transaction: a failover left us on a standby
        "25P03",  # idle-in-transaction timeout
        "3D000",  # no such database
        "55P03",  # lock not available
    }
)
_POSTGRES_UNMIGRATED = frozenset(
    {
        "3F000",  # no such schema
        "42501",  # insufficient privilege
        "42703",  # no such column
        "42P01",  # no such table
    }
)
_POSTGRES_INVALID_CLASS = "22"  # data exception

# https://www.sqlite.org/rescode.html; an extended code's lowest byte is its primary code
_SQLITE_CONFLICTS = frozenset(
    {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID}
)
_SQLITE_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_SCHEMA,
    }
)
_SQLITE_INVALID = frozenset({sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH})
# SQLite has no code of its own for these
_SQLITE_UNMIGRATED = ("no such table", "no such column", "has no column named")

# asyncpg repeats the value that it could not send
_ARGUMENT = re.compile(r"(invalid input for query argument \$\d+): .*?(?= \([^()]*\)$|$)", re.DOTALL)

_CONFLICT = "the database holds such a row already"
_INVALID = "a value cannot be stored by the database"
_UNAVAILABLE = "the database did not answer, or not in time"
_REFERENCE = "a row that this one refers to does not exist"


def translate(error: BaseException) -> AdapterError | None:
    """Return the adapter error that `error` of SQLAlchemy or a driver means, or None where it is none of them.

    None means a mistake in the program: let `error` go on. Raise what is returned `from error`.
    """
    if isinstance(error, AdapterError):
        return error
    if isinstance(error, exc.TimeoutError | exc.DisconnectionError):
        return UnavailableError(_UNAVAILABLE)
    if isinstance(error, exc.DBAPIError) and error.connection_invalidated:
        return UnavailableError(_UNAVAILABLE)
    for found in _origins(error):
        if translated := _translate_driver(found):
            return translated
    return None


@contextmanager
def translated() -> Generator[None]:
    """Raise the errors of SQLAlchemy and the drivers as adapter errors, with the original as the cause.

    Raises:
        ConflictError: A row that must be unique exists.
        InvalidValueError: A value that the database cannot store.
        UnavailableError: The database did not answer, or not in time.
        AdapterError: A row that another refers to is missing.
    """
    try:
        yield
    except Exception as error:
        meaning = translate(error)
        if meaning is None or meaning is error:
            raise
        raise meaning from error


def forget_values(error: BaseException) -> None:
    """Take the values out of what PostgreSQL and asyncpg say: `Key (email)=(...) already exists`."""
    chain: list[BaseException] = [error]
    for link in chain:
        if isinstance(getattr(link, "detail", None), str):  # SQLAlchemy's own errors have a list of that name
            setattr(link, "detail", None)  # noqa: B010 - of the errors of asyncpg and its adapter
        if link.args and isinstance(link.args[0], str):
            link.args = (_ARGUMENT.sub(r"\1", link.args[0]), *link.args[1:])
        following = (link.orig if isinstance(link, exc.StatementError) else None, link.__cause__)
        chain += [found for found in following if found is not None and found not in chain]


def is_hopeless(error: UnavailableError) -> bool:
    """Tell whether waiting will not help: the server refused the password, or its certificate is not accepted."""
    cause = error.__cause__ or error
    states = (str(getattr(found, "sqlstate", "")) for found in _origins(cause))
    return isinstance(cause, SSLCertVerificationError) or any(state.startswith("28") for state in states)


def is_unmigrated(error: BaseException) -> bool:
    """Tell whether the database lacks what a statement names.

    For belgie's own statements that is a schema which is not migrated yet; for an application's, it may be a mistake.
    """
    return any(
        getattr(found, "sqlstate", None) in _POSTGRES_UNMIGRATED
        or (isinstance(found, sqlite3.Error) and any(text in str(found) for text in _SQLITE_UNMIGRATED))
        for found in _origins(error)
    )


def _origins(error: BaseException) -> tuple[BaseException, ...]:
    """Return what SQLAlchemy wrapped and the driver's own error below that, or else the error itself."""
    wrapped = error.orig if isinstance(error, exc.StatementError) else None
    if wrapped is None:
        return (error,)
    return (wrapped,) if wrapped.__cause__ is None else (wrapped, wrapped.__cause__)


def _translate_driver(error: BaseException) -> AdapterError | None:
    if isinstance(error, AdapterError):
        return error
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        return _translate_postgres(state) or _translate_asyncpg(error)
    if isinstance(error, sqlite3.Error):
        return _translate_sqlite(error)
    if isinstance(error, UnicodeError):
        return InvalidValueError(_INVALID)
    # A connection that could not be made, or a command that took too long, is not wrapped by SQLAlchemy.
    if isinstance(error, OSError):
        return UnavailableError(_UNAVAILABLE)
    return _translate_asyncpg(error)


def _translate_postgres(state: str) -> AdapterError | None:
    if state in _POSTGRES_CONFLICTS:
        return ConflictError(_CONFLICT)
    if state == "23503":  # foreign_key_violation
        return AdapterError(_REFERENCE)
    if state in _POSTGRES_UNAVAILABLE | _POSTGRES_UNMIGRATED or state[:2] in _POSTGRES_UNAVAILABLE_CLASSES:
        return UnavailableError(_UNAVAILABLE)
    if state[:2] == _POSTGRES_INVALID_CLASS:
        return InvalidValueError(_INVALID)
    return None


def _translate_sqlite(error: sqlite3.Error) -> AdapterError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code in _SQLITE_CONFLICTS:
        return ConflictError(_CONFLICT)
    if code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return AdapterError(_REFERENCE)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary in _SQLITE_UNAVAILABLE or any(text in str(error) for text in _SQLITE_UNMIGRATED):
        return UnavailableError(_UNAVAILABLE)
    if primary in _SQLITE_INVALID:
        return InvalidValueError(_INVALID)
    return None


def _translate_asyncpg(error: BaseException) -> AdapterError | None:
    """Map what asyncpg decides by itself, or tells apart better than the SQLSTATE does."""
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("asyncpg.")}
    # Other interface errors are mistakes in the program, such as one session used by two tasks at once.
    lost = "InterfaceError" in names and "closed" in str(error)
    if lost or names & {"InternalClientError", "InvalidCachedStatementError"}:
        return UnavailableError(_UNAVAILABLE)
    return None
