"""What the application says to its database."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event

from belgie.alchemy import DatabaseRuntime


@dataclass
class Statements:
    """The statements and commits of a while."""

    texts: list[str] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    commits: int = 0

    def starting(self, verb: str) -> list[str]:
        return [text for text in self.texts if text.lstrip().upper().startswith(verb)]


@contextmanager
def recorded(runtime: DatabaseRuntime) -> Generator[Statements]:
    """Record every statement that goes through the runtime's engine."""
    statements = Statements()

    def execute(*arguments: Any) -> None:
        _, _, statement, parameters, _, _ = arguments
        statements.texts.append(statement)
        statements.parameters.append(repr(parameters))

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
