"""The primary key."""

from typing import ClassVar
from uuid import UUID, uuid4

from sqlalchemy import Uuid, inspect
from sqlalchemy.orm import MappedAsDataclass

from belgie.alchemy.mixins.columns import Column, PrimaryKeyColumns, column

__all__ = ["PrimaryKeyMixin"]


class PrimaryKeyMixin(MappedAsDataclass, metaclass=PrimaryKeyColumns, kw_only=True, eq=False, repr=False):
    """A random UUID as primary key, and a `repr` that is safe in a log.

    The `repr` shows the fields named in `__repr_fields__` and nothing else, as far as they are loaded: a row's
    other fields may hold an address or a token, and loading one just to print it fails on an async connection.
    """

    __repr_fields__: ClassVar[tuple[str, ...]] = ("id",)

    id: Column[UUID] = column(Uuid(), primary_key=True, default_factory=uuid4, insert_default=uuid4, sort_order=-100)

    def __hash__(self) -> int:
        """Hash by identity, as `eq=False` has it; said aloud for type checkers."""
        return object.__hash__(self)

    def __repr__(self) -> str:
        """Name the row without its personal and secret fields."""
        loaded = inspect(self).dict
        fields = ", ".join(f"{name}={loaded[name]!r}" for name in self.__repr_fields__ if name in loaded)
        return f"{type(self).__name__}({fields})"
