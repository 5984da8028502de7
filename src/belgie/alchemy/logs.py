"""What the driver and SQLAlchemy log at DEBUG, without the values.

SQLAlchemy's `hide_parameters` takes the parameters out of its statements, but not the values out of the rows that it
shows when somebody opens its log; aiosqlite logs every call with all that goes with it.
"""

import logging
from functools import partial
from typing import cast

__all__ = ["hide_values"]

_ROW = "Row %r"  # sqlalchemy.engine.cursor
_HIDDEN = "(values hidden)"


def hide_values() -> None:
    """Keep rows and parameters out of the records of `aiosqlite` and `sqlalchemy.engine.Engine`, at every level."""
    for name in ("aiosqlite", "sqlalchemy.engine.Engine"):
        logging.getLogger(name).addFilter(_without_values)


def _without_values(record: logging.LogRecord) -> bool:
    if isinstance(record.args, tuple):
        record.args = (_HIDDEN,) if record.msg == _ROW else tuple(_shown(argument) for argument in record.args)
    return True


def _shown(argument: object) -> object:
    if not isinstance(argument, partial):
        return argument
    call = cast("partial[object]", argument)
    statement = next((repr(value) for value in call.args if isinstance(value, str)), "")
    return f"{getattr(call.func, '__name__', 'call')}({statement})"
