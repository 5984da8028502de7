"""Column types that hold the same values on PostgreSQL and SQLite."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, Self, cast, override

from sqlalchemy import JSON, DateTime, Dialect, Text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.sql.operators import OperatorType
from sqlalchemy.types import TypeDecorator, TypeEngine

from proto import InvalidValueError

__all__ = ["DateTimeUTC", "InvalidColumnValueError", "ScopeList", "Scopes", "storable_text"]


class InvalidColumnValueError(InvalidValueError, DontWrapMixin):
    """A value that a column refuses.

    SQLAlchemy passes it on as it is. It would wrap any other error in one whose text holds the statement's parameters.
    """


def storable_text(text: str) -> bool:
    """Tell whether both databases can hold `text`: PostgreSQL refuses NUL, and no encoding has lone surrogates."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class DateTimeUTC(TypeDecorator[datetime]):
    """A moment in time: always aware, always in UTC, to the microsecond.

    A value in another time zone is converted. A naive one is refused, because nothing says which moment it means:

    Raises:
        InvalidValueError: a naive datetime, or something that is no datetime.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: object, dialect: Dialect) -> datetime | None:
        """Convert to UTC on the way in; SQLite stores no offset, so it must be UTC by then."""
        return None if value is None else self.checked(value)

    @staticmethod
    def checked(value: object) -> datetime:
        """Return `value` in UTC.

        Raises:
            InvalidValueError: see the class.
        """
        if not isinstance(value, datetime):
            msg = f"expected an aware datetime, got {type(value).__name__}"
            raise InvalidColumnValueError(msg)
        if value.utcoffset() is None:
            msg = "expected an aware datetime, got a naive one: use datetime.now(UTC), or give it a tzinfo"
            raise InvalidColumnValueError(msg)
        try:
            return value.astimezone(UTC)
        except OverflowError as error:
            msg = "expected a datetime whose UTC form lies in the years 1 to 9999"
            raise InvalidColumnValueError(msg) from error

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware value; SQLite's has no offset."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @override
    def coerce_compared_value(self, op: OperatorType | None, value: Any) -> TypeEngine[Any]:
        """Treat the other side of a comparison as a moment too, and a `timedelta` as what it is."""
        if isinstance(value, timedelta):
            return self.impl_instance.coerce_compared_value(op, value)
        return self

    @override
    def __repr__(self) -> str:
        """Return what a migration script should hold."""
        return "DateTimeUTC()"


class Scopes(TypeDecorator[list[str]]):
    """A list of scopes: `text[]` on PostgreSQL, JSON on SQLite.

    Members of a `StrEnum` are stored as their values and come back as plain strings, which compare equal to them.
    Wrap the type as `ScopeList.as_mutable(Scopes())`, as `UserMixin` does, so that changes in place are saved.

    Raises:
        InvalidValueError: a lone string (`"admin"` would become its letters), or a scope that is no string.
    """

    impl = JSON(none_as_null=True)
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the database's own type."""
        return dialect.type_descriptor(ARRAY(Text()) if dialect.name == "postgresql" else JSON(none_as_null=True))

    @override
    def process_bind_param(self, value: object, dialect: Dialect) -> list[str] | None:
        """Check and flatten on the way in."""
        return None if value is None else self.checked(value)

    @staticmethod
    def checked(value: object) -> list[str]:
        """Return `value` as a list of plain strings.

        Raises:
            InvalidValueError: see the class.
        """
        if not isinstance(value, (list, tuple, set, frozenset)):
            msg = f"expected a list, tuple or set of scopes, got {type(value).__name__}"
            raise InvalidColumnValueError(msg)
        scopes = [_scope(each) for each in cast("Collection[object]", value)]
        return sorted(scopes) if isinstance(value, (set, frozenset)) else scopes

    @override
    def process_result_value(self, value: list[str] | None, dialect: Dialect) -> list[str] | None:
        """Give back a list of its own."""
        return None if value is None else list(value)

    @override
    def __repr__(self) -> str:
        """Return what a migration script should hold."""
        return "Scopes()"


class ScopeList(MutableList[str]):
    """The list on a loaded row: what is assigned to it is checked at once, and changes in place are saved."""

    @classmethod
    @override
    def coerce(cls, key: str, value: Any) -> Self | None:
        """Take what `Scopes` takes.

        Raises:
            InvalidValueError: see `Scopes`.
        """
        if value is None or isinstance(value, cls):
            return value
        return cls(Scopes.checked(value))


def _scope(value: object) -> str:
    plain = value.value if isinstance(value, Enum) else value
    if not isinstance(plain, str):
        msg = f"expected every scope to be a string or a StrEnum member, got {type(value).__name__}"
        raise InvalidColumnValueError(msg)
    if not storable_text(plain):
        msg = "expected scopes without NUL characters and lone surrogates"
        raise InvalidColumnValueError(msg)
    return plain
