"""Rows of mapped classes made of plain values, and put into a session as if it had loaded them.

For a row found by its key, SQLAlchemy's loading costs several times what the database does. Where a mapping is plain,
nothing of it is needed: the values go into the row, and the row into the session.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final, cast

from sqlalchemy import Column, Engine, Table, inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, Mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, instance_state

from belgie.alchemy.dependency import NotingSession

__all__ = ["PlainRows"]

#: Loading that a row comes with, rather than on demand.
_EAGER: Final = {"immediate", "joined", "selectin", "subquery", False}

_SESSION_EVENTS: Final = (
    "do_orm_execute",
    "before_attach",
    "after_attach",
    "loaded_as_persistent",
    "detached_to_persistent",
)


class PlainRows[RowsT: tuple[Any, ...]]:
    """Makes one row of each of the models out of the values of `columns`.

    Args:
        models: mapped classes, in the order of their columns.
    """

    def __init__(self, *models: type[Any]) -> None:
        self._mappers: list[Mapper[Any]] = [inspect(model) for model in models]
        self._names = [[attribute.key for attribute in mapper.column_attrs] for mapper in self._mappers]

    @property
    def columns(self) -> Iterator[InstrumentedAttribute[Any]]:
        """What to select."""
        for mapper, names in zip(self._mappers, self._names, strict=True):
            for name in names:
                yield getattr(mapper.class_, name)

    @property
    def are_all(self) -> bool:
        """Whether the columns are all that SQLAlchemy would load."""
        return all(
            _is_plain_mapping(mapper) and all(_is_plain(attribute) for attribute in mapper.column_attrs)
            for mapper in self._mappers
        )

    def fit(self, session: AsyncSession, engine: Engine) -> bool:
        """Tell whether the session, unused so far, would load the rows from this engine without anybody noticing."""
        sync = session.sync_session
        if (
            type(sync) is not NotingSession
            or sync.in_transaction()
            or len(sync.identity_map)
            or getattr(sync, "execution_options", None)
        ):
            return False
        events: Any = sync.dispatch
        # One of those that listen for the beginning is our own.
        heard = len(events.after_begin) > 1 or any(len(getattr(events, name)) for name in _SESSION_EVENTS)
        return not heard and all(
            sync.get_bind(mapper) is engine and not len(_events_of(mapper).expire) for mapper in self._mappers
        )

    def attach(self, session: AsyncSession, values: Sequence[Any]) -> RowsT:
        """Return the rows, which the session holds from now on."""
        left = iter(values)
        rows: list[Any] = []
        for mapper, names in zip(self._mappers, self._names, strict=True):
            row = mapper.class_manager.new_instance()
            instance_dict(row).update(zip(names, islice(left, len(names)), strict=True))
            make_transient_to_detached(row)
            session.add(row)
            _events_of(mapper).load(instance_state(row), None)  # as for any row that no query has loaded
            rows.append(row)
        return cast("RowsT", tuple(rows))


def _events_of(mapper: Mapper[Any]) -> Any:
    return mapper.class_manager.dispatch


def _is_plain_mapping(mapper: Mapper[Any]) -> bool:
    table: Any = mapper.local_table
    return (
        isinstance(table, Table)
        and table is mapper.persist_selectable
        and mapper.polymorphic_on is None
        and mapper.inherits is None
        and len(list(mapper.self_and_descendants)) == 1
        and not any(relationship.lazy in _EAGER for relationship in mapper.relationships)
    )


def _is_plain(attribute: ColumnProperty[Any]) -> bool:
    return len(attribute.columns) == 1 and not attribute.deferred and isinstance(attribute.columns[0], Column)
