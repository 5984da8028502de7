"""What went wrong, in words for whoever typed the command: no traceback, and nothing that may be secret."""

import traceback
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError, StatementError

from proto import AdapterError

# Their texts speak of names in the program; those of a ValueError, say, may hold any value.
_SPEAK_OF_NAMES = (ImportError, AttributeError, NameError, TypeError, KeyError)


class FailureError(Exception):
    """A command cannot go on; the text says why, and what to do."""


def explain(error: BaseException) -> str | None:
    """Return the text for an error that a command may well meet, or None for one that nobody has foreseen."""
    if isinstance(error, FailureError):
        return str(error)
    if isinstance(error, ValidationError):
        return "\n".join([f"{error.title} cannot be used:", *_validation(error)])
    if isinstance(error, AdapterError):
        reason = None if error.__cause__ is None else _of_driver(error.__cause__)
        return str(error) if reason is None else f"{error}: {reason}"
    if isinstance(error, SQLAlchemyError):
        return f"the database refuses: {_of_driver(error)}"
    if isinstance(error, OSError):
        return _of_driver(error)
    return None


def explain_foreign(error: BaseException, folder: Path) -> str:
    """Return the text for an error in the application's own code: what, and where in `folder`."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    if isinstance(error, _SPEAK_OF_NAMES):
        return f"{type(error).__name__}: {error} ({place(error, folder)})"
    text = None if isinstance(error, OSError) else explain(error)
    return f"{type(error).__name__} ({place(error, folder)})" + ("" if text is None else f": {text}")


def place(error: BaseException, folder: Path | None = None) -> str:
    """Return the file and line at which an error came up: in `folder`, if it passed there."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<frozen")]
    inside = [frame for frame in frames if folder is not None and Path(frame.filename).is_relative_to(folder)]
    last = (inside or frames)[-1]
    return f"{last.filename}, line {last.lineno}"


def _validation(error: ValidationError) -> Iterator[str]:
    for line in error.errors(include_input=False, include_context=False, include_url=False):
        name = ".".join(str(part) for part in line["loc"])
        message = line["msg"].removeprefix("Value error, ")
        yield f"  {name}: {message}" if name else f"  {message}"


def _of_driver(error: BaseException) -> str:
    """Return the first line of what the driver itself said; belgie's engine has taken the values out."""
    found = error
    while inner := (found.orig if isinstance(found, StatementError) else None) or found.__cause__:
        if isinstance(found, TimeoutError):  # its cause is how asyncio interrupted the waiting
            break
        found = inner
    if isinstance(found, TimeoutError):
        return "no answer in time"
    said = str(found).strip().splitlines()
    return said[0] if said else type(found).__name__
