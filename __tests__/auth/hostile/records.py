"""Everything that the application's side logs, at DEBUG and with every library's logger open."""

import logging
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

_FORMATTER = logging.Formatter("%(name)s %(levelname)s %(message)s")
_PLAIN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


@dataclass(frozen=True)
class Line:
    """One log record: what a text handler and what a structured handler would write."""

    logger: str
    level: int
    text: str
    extras: dict[str, object]

    @property
    def everything(self) -> str:
        return f"{self.text} {self.extras!r}"


class Records(logging.Handler):
    """Keeps the records of all threads but those of the browsers and of the outside world."""

    def __init__(self, *others: threading.Thread) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[Line] = []
        self._others = {thread.ident for thread in others}

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread in self._others:
            return
        extras = {name: value for name, value in record.__dict__.items() if name not in _PLAIN}
        self.lines.append(Line(record.name, record.levelno, _FORMATTER.format(record), extras))

    def of(self, *loggers: str) -> list[Line]:
        return [line for line in self.lines if line.logger.split(".")[0] in loggers]


#: Loggers that their libraries close, or make late.
_CLOSED = ("sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool", "aiosqlite", "asyncpg", "httpx", "httpcore")


@contextmanager
def every_logger_at_debug() -> Generator[None]:
    """Open the root logger and every logger with a level of its own; the old levels come back."""
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    closed = {logging.root, *(logging.getLogger(name) for name in _CLOSED)}
    closed |= {logger for logger in known if logger.level > logging.DEBUG}
    levels = {logger: logger.level for logger in closed}
    for logger in closed:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
