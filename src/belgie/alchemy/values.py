"""What a value must be before it comes near the database.

The two databases disagree about bad values: SQLite stores text of any length, numbers in a text column and a NUL;
PostgreSQL refuses them with an error of the driver, whose text may hold the value. So the adapter decides first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Boolean, Column, DateTime, Enum, String, Uuid

from belgie.alchemy.types import DateTimeUTC, Scopes, storable_text
from proto import InvalidValueError

__all__ = ["Field"]

_NAMES: Final[dict[type, str]] = {bool: "a bool", datetime: "an aware datetime", str: "a string", UUID: "a UUID"}


@dataclass(frozen=True, slots=True)
class Field:
    """One mapped column, as the adapter's methods see it."""

    label: str
    kind: type | None
    limit: int | None
    nullable: bool
    cut: bool
    convert: Callable[[Any], Any] | None

    @classmethod
    def of(
        cls,
        label: str,
        column: Column[Any],
        *,
        cut: int | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> "Field":
        """Read off a column what it takes.

        Args:
            label: how errors call it, such as `User.email`.
            column: the column.
            cut: the length in characters at which text is cut; other text that is too long is refused.
            convert: brings a value of the right type into the form that is stored.
        """
        kind = _kind(column)
        if isinstance(column.type, Scopes):
            convert = Scopes.checked
        elif kind is datetime:
            convert = DateTimeUTC.checked
        limit = column.type.length if kind is str and isinstance(column.type, String) else None
        if cut is not None:
            limit = cut if limit is None else min(cut, limit)
        return cls(label, kind, limit, nullable=bool(column.nullable), cut=cut is not None, convert=convert)

    def stored(self, value: object) -> Any:
        """Return `value` as it is written.

        Raises:
            InvalidValueError: the column cannot hold it; the message never shows it.
        """
        if value is None and self.nullable:
            return None
        converted = self.sought(value)
        if self.limit is not None and len(converted) > self.limit:
            if self.cut:
                return converted[: self.limit]
            msg = f"{self.label} must have at most {self.limit} characters, got {len(converted)}"
            raise InvalidValueError(msg)
        return converted

    def sought(self, value: object) -> Any:
        """Return `value` as it is compared.

        Raises:
            InvalidValueError: no row can have it.
        """
        if self.kind is not None and not isinstance(value, self.kind):
            msg = f"{self.label} must be {_NAMES[self.kind]}, got {type(value).__name__}"
            raise InvalidValueError(msg)
        if isinstance(value, str) and not storable_text(value):
            msg = f"{self.label} must not contain NUL characters or lone surrogates"
            raise InvalidValueError(msg)
        if self.convert is None:
            return value
        try:
            return self.convert(value)
        except InvalidValueError as error:
            msg = f"{self.label}: {error}"
            raise InvalidValueError(msg) from None


def _kind(column: Column[Any]) -> type | None:
    """Return the Python type that the column takes, where that is certain."""
    match column.type:
        case Enum():
            return None
        case String():
            return str
        case Boolean():
            return bool
        case DateTime() | DateTimeUTC():
            return datetime
        case Uuid(as_uuid=True):
            return UUID
        case _:
            return None
