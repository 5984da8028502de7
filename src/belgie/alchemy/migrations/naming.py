"""A warning about constraints without names, given while the script that makes their table is written.

PostgreSQL makes a name up and SQLite does not, so no later script could drop such a constraint on both. Alembic itself
warns when that script is written, which is too late.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from alembic.operations.ops import CreateTableOp, MigrationScript
from sqlalchemy import ForeignKeyConstraint, MetaData, UniqueConstraint

type Directives = Callable[[Any, Any, list[MigrationScript]], None]

_logger = logging.getLogger("belgie.alchemy.migrations")


def warn_of_unnamed(metadata: Sequence[MetaData], own: Directives | None) -> Directives:
    """Return Alembic's `process_revision_directives`.

    Args:
        metadata: of the models.
        own: the application's, which is called afterwards.
    """

    def process(context: Any, revision: Any, scripts: list[MigrationScript]) -> None:
        written = {table for script in scripts for table in _tables(script)}
        if unnamed := sorted(written & set(_unnamed(metadata))):
            _logger.warning(
                "constraints without names in %s: on SQLite no migration can drop them. Give the metadata a convention "
                "before the first migration: MetaData(naming_convention=belgie.NAMING_CONVENTION)",
                ", ".join(unnamed),
            )
        if own is not None:
            own(context, revision, scripts)

    return process


def _tables(script: MigrationScript) -> Iterable[str]:
    for operations in script.upgrade_ops_list:
        for operation in operations.ops:
            if isinstance(operation, CreateTableOp):
                yield operation.table_name


def _unnamed(metadata: Sequence[MetaData]) -> Iterable[str]:
    for each in metadata:
        for table in each.tables.values():
            for constraint in table.constraints:
                if isinstance(constraint, ForeignKeyConstraint | UniqueConstraint) and constraint.name is None:
                    yield table.name
