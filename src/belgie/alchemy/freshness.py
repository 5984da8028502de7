"""Rows that a session holds already, and what the database says by now.

What is decided by a row, such as whether a session has expired or which scopes a user has, must not be decided by an
older copy. SQLAlchemy gives a row that the session holds its old values again, unless told to `populate_existing`; but
that also drops the relationships that the application has loaded, and on an async connection they cannot load again
when they are touched. So the columns, and only they, are emptied for the statement, which fills them.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.attributes import set_committed_value

__all__ = ["refilled"]


@contextmanager
def refilled(session: AsyncSession, columns: Mapping[type[Any], frozenset[str]]) -> Generator[None]:
    """Let the statement inside fill the columns of the rows that it returns, whether the session holds them or not.

    A row with changes that are not written yet is left alone, and one that the statement does not return keeps what
    it had.

    Args:
        session: where the statement runs.
        columns: for each model that it returns, the names of the columns.
    """
    models = tuple(columns)
    emptied: list[tuple[Any, dict[str, Any]]] = []
    for row in session.identity_map.values():
        if not isinstance(row, models):
            continue
        state: InstanceState[Any] = inspect(row)
        if state.modified:
            continue
        names = next(columns[model] for model in models if isinstance(row, model))
        values = {name: value for name, value in state.dict.items() if name in names}
        emptied.append((row, values))
    for row, values in emptied:
        session.expire(row, list(values))
    try:
        yield
    finally:
        for row, values in emptied:
            missing: InstanceState[Any] = inspect(row)
            for name in missing.unloaded & values.keys():
                set_committed_value(row, name, values[name])
