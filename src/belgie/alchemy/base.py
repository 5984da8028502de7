"""The declarative base that belgie offers."""

from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass

from belgie.alchemy.mixins.columns import ModelColumns
from belgie.alchemy.types import DateTimeUTC

__all__ = ["NAMING_CONVENTION", "Base"]

NAMING_CONVENTION: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names for constraints and indexes, so that a migration can drop them on both databases."""


class Base(MappedAsDataclass, DeclarativeBase, metaclass=ModelColumns, kw_only=True, eq=False):
    """A base for an application's models: typed keyword-only constructors, named constraints, UTC datetimes.

    Rows compare by identity, as rows of a plain `DeclarativeBase` do, so they can be members of a set. Nothing
    requires this base: `AlchemyAdapter` takes models on any other as well.
    """

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: DateTimeUTC()}

    def __hash__(self) -> int:
        """Hash by identity, as `eq=False` has it; said aloud for type checkers."""
        return object.__hash__(self)
