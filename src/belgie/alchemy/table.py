"""One model's statements: each built once, with bound parameters, and kept."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import (
    Column,
    CursorResult,
    Executable,
    Integer,
    Result,
    any_,
    bindparam,
    delete,
    func,
    inspect,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapper

from belgie.alchemy.freshness import refilled
from belgie.alchemy.transaction import guarded, session_of
from belgie.alchemy.values import Field

__all__ = ["Table", "mapped_columns", "read", "write"]


def mapped_columns(model: type[Any]) -> dict[str, Column[Any]]:
    """Return the model's columns by attribute name, without computed ones.

    Unlike `Mapper.column_attrs` this leaves relationships to models that are not imported yet alone.
    """
    mapper: Mapper[Any] = inspect(model)
    columns = cast("Iterable[tuple[str, object]]", mapper.columns.items())  # SQL expressions may be among them
    return {
        name: column
        for name, column in columns
        if isinstance(column, Column) and column.computed is None and not name.startswith("_")
    }


class Table[RowT]:
    """Reads and writes the rows of one model.

    Args:
        model: the mapped class.
        fixed: the fields that no caller may change.
        cut: for a field, the length in characters at which its text is cut.
        convert: for a field, what brings its value into the form that is stored and compared.
    """

    def __init__(
        self,
        model: type[RowT],
        *,
        fixed: Iterable[str],
        cut: Mapping[str, int] = MappingProxyType({}),
        convert: Mapping[str, Callable[[Any], Any]] = MappingProxyType({}),
    ) -> None:
        self.model = model
        columns = mapped_columns(model)
        self.columns = frozenset(inspect(model).columns.keys())
        self._fields = {
            name: Field.of(f"{model.__name__}.{name}", column, cut=cut.get(name), convert=convert.get(name))
            for name, column in columns.items()
        }
        keys = {name for name, column in columns.items() if column.primary_key}
        self._changeable = sorted(columns.keys() - keys - set(fixed))
        self._selects: dict[tuple[str, ...], Executable] = {}
        self._updates: dict[tuple[tuple[str, ...], tuple[str, ...]], Executable] = {}
        self._deletes: dict[tuple[str, ...], Executable] = {}

    def column(self, name: str) -> InstrumentedAttribute[Any]:
        """Return the model's attribute for use in a statement."""
        attribute: InstrumentedAttribute[Any] = getattr(self.model, name)
        return attribute

    def refuse_others(self, method: str, names: Iterable[str]) -> None:
        """Let only changeable fields through.

        Raises:
            TypeError: there is another one; the message lists those allowed.
        """
        if unknown := sorted(set(names) - set(self._changeable)):
            shown = ", ".join(repr(name[:40]) for name in unknown[:5])
            msg = f"{method}() got the field {shown}; allowed are {', '.join(self._changeable)}"
            raise TypeError(msg)

    def stored(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as they are written.

        Raises:
            InvalidValueError: the database cannot hold one of them.
        """
        return {name: self._fields[name].stored(value) for name, value in values.items()}

    def sought(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values as parameters of a condition.

        Raises:
            InvalidValueError: no row can have one of them.
        """
        return {f"is_{name}": self._fields[name].sought(value) for name, value in values.items()}

    def conditions(self, names: Iterable[str]) -> list[Any]:
        """Return the comparisons with the parameters of `sought`."""
        return [self.column(name) == bindparam(f"is_{name}") for name in names]

    async def insert(self, db: object, values: Mapping[str, Any], *, assign: Mapping[str, Any] | None = None) -> RowT:
        """Store a row and return it.

        Args:
            db: the session.
            values: what the model's constructor is given.
            assign: what is set on the row whatever its constructor did.
        """
        session = session_of(db)
        stored = self.stored(values)
        async with guarded(session, commit=True):
            row = self.model(**stored)
            for name, value in (assign or {}).items():
                setattr(row, name, value)
            session.add(row)
            await session.flush()
        return row

    async def get(self, db: object, **where: Any) -> RowT | None:
        """Return the row with these values, as the database has it now."""
        session = session_of(db)
        parameters = self.sought(where)
        names = tuple(where)
        if (statement := self._selects.get(names)) is None:
            statement = self._selects[names] = select(self.model).where(*self.conditions(names))
        async with guarded(session):
            return (await read(session, statement, parameters, self)).unique().scalar_one_or_none()

    async def update(self, db: object, changes: Mapping[str, Any], **where: Any) -> RowT | None:
        """Change the row with these values in one statement and return it."""
        session = session_of(db)
        parameters = self.sought(where) | {f"to_{name}": value for name, value in self.stored(changes).items()}
        key = (tuple(where), tuple(changes))
        if (statement := self._updates.get(key)) is None:
            statement = self._updates[key] = (
                update(self.model)
                .where(*self.conditions(where))
                .values({self.column(name): bindparam(f"to_{name}") for name in changes})
                .returning(self.model)
                .execution_options(synchronize_session=False)
            )
        async with guarded(session, commit=True):
            return (await write(session, statement, parameters, self)).unique().scalar_one_or_none()

    async def delete(self, db: object, **where: Any) -> int:
        """Delete the rows with these values in one statement and return how many there were."""
        session = session_of(db)
        parameters = self.sought(where)
        names = tuple(where)
        if (statement := self._deletes.get(names)) is None:
            statement = self._deletes[names] = self.deletion(*self.conditions(names))
        async with guarded(session, commit=True):
            return len((await write(session, statement, parameters)).all())

    def deletion(self, *conditions: Any) -> Executable:
        """Return a DELETE whose rows also leave the session, and come back to it if that is rolled back."""
        statement = delete(self.model).where(*conditions).returning(self.column("id"))
        return statement.execution_options(synchronize_session="fetch")

    async def purge(self, db: object, batch: int) -> int:
        """Delete the rows whose `expires_at` has passed, `batch` of them a statement, and return how many there were.

        Every batch is committed, unless a transaction block is open. On PostgreSQL a row that someone else works
        on is left for the next time, so nobody waits.
        """
        session = session_of(db)
        parameters = {"now": datetime.now(UTC), "batch": batch}
        statement = self._purge[session.get_bind(self.model).dialect.name == "postgresql"]
        total = 0
        while True:
            async with guarded(session, commit=True):
                deleted = await write(session, statement, parameters)
                count = deleted.rowcount
            total += count
            if count < batch:
                return total

    @cached_property
    def _purge(self) -> Mapping[bool, Executable]:
        """The deletion of a batch, on PostgreSQL (True) and elsewhere (False).

        PostgreSQL looks again at a row that was extended while the inner SELECT waited to lock it; what that has
        locked stays as it is. An array is found once, and read by the primary key: an `IN` may be joined row by row.
        """
        found = (
            select(self.column("id"))
            .where(self.column("expires_at") <= bindparam("now"))
            .order_by(self.column("expires_at"))
            .limit(bindparam("batch", type_=Integer()))
            .with_for_update(skip_locked=True)
        )
        conditions = {
            True: self.column("id") == any_(func.array(found.scalar_subquery())),
            False: self.column("id").in_(found),
        }
        return {
            postgres: delete(self.model).where(condition).execution_options(synchronize_session=False)
            for postgres, condition in conditions.items()
        }


async def read(
    session: AsyncSession,
    statement: Executable,
    parameters: Mapping[str, Any],
    *tables: Table[Any],
) -> Result[*tuple[Any, ...]]:
    """Run a SELECT; rows of `tables` that the session holds get the values that the database has now."""
    if session.autoflush:
        await _flush(session)
    with refilled(session, {table.model: table.columns for table in tables}):
        return await session.execute(statement, parameters)


async def write(
    session: AsyncSession,
    statement: Executable,
    parameters: Mapping[str, Any],
    *tables: Table[Any],
) -> CursorResult[*tuple[Any, ...]]:
    """Run an UPDATE or DELETE after the changes that the session still holds, whether or not it flushes by itself."""
    await _flush(session)
    with refilled(session, {table.model: table.columns for table in tables}):
        return cast("CursorResult[*tuple[Any, ...]]", await session.execute(statement, parameters))


async def _flush(session: AsyncSession) -> None:
    if session.new or session.dirty or session.deleted:
        await session.flush()
