"""What the application says to its database."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from belgie.alchemy import DatabaseRuntime


@dataclass
class Statements:
    """The statements and commits of a while, without their values."""

    texts: list[str] = field(default_factory=list)
    commits: int = 0

    def starting(self, verb: str) -> list[str]:
        """The statements that begin with a word."""
        return [text for text in self.texts if text.lstrip().upper().startswith(verb)]


@contextmanager
def recorded(runtime: DatabaseRuntime) -> Generator[Statements]:
    """Record every statement that goes through the runtime's engine."""
    statements = Statements()

    def execute(*arguments: Any) -> None:
        statements.texts.append(arguments[2])

    def commit(*_: Any) -> None:
        statements.commits += 1

    engine = runtime.engine.sync_engine
    event.listen(engine, "before_cursor_execute", execute)
    event.listen(engine, "commit", commit)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", execute)
        event.remove(engine, "commit", commit)
