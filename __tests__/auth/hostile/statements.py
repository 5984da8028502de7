"""What the application says to its database."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from belgie.alchemy import DatabaseRuntime


@dataclass
class Statements:
    """The statements of a while, without their values."""

    texts: list[str] = field(default_factory=list)


@contextmanager
def recorded(runtime: DatabaseRuntime) -> Generator[Statements]:
    """Record every statement that goes through the runtime's engine."""
    statements = Statements()

    def execute(*arguments: Any) -> None:
        statements.texts.append(arguments[2])

    engine = runtime.engine.sync_engine
    event.listen(engine, "before_cursor_execute", execute)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", execute)
