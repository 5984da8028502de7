"""Validation errors that say what to set, and never what was given: the input may hold the password."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import LiteralString, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

type Refusal = tuple[tuple[int | str, ...], str, str]

_HIDDEN = "(hidden)"


def refuse(title: str, refusals: Iterable[Refusal]) -> ValidationError:
    """Return a validation error of (location, kind, message), without any input."""
    lines = [
        InitErrorDetails(type=_custom(kind, message), loc=location, input=_HIDDEN)
        for location, kind, message in refusals
    ]
    return ValidationError.from_exception_data(title, lines, hide_input=True)


def retell(error: ValidationError, model: type[BaseModel], prefix: str) -> ValidationError:
    """Return `error` without its inputs, naming for each field the environment variable that gives it."""
    refusals: list[Refusal] = []
    for line in error.errors(include_input=False, include_context=False, include_url=False):
        location = line["loc"]
        name = str(location[0]) if location else ""
        message = line["msg"].removeprefix("Value error, ")
        if name in model.model_fields:
            variable = "__".join([prefix + name, *(str(part) for part in location[1:])]).upper()
            if line["type"] == "missing":
                message = f"Field required: give {name}=, or set {variable} or {prefix.upper()}URL"
            elif variable not in message:
                message = f"{message} ({name}=, {variable})"
        refusals.append((location, line["type"], message))
    return refuse(error.title, refusals)


def unknown(name: str, model: type[BaseModel], kinds: Iterable[type[BaseModel]]) -> Refusal:
    """Refuse a keyword that is no field of `model`, with the field that was probably meant."""
    message = f"Unknown setting {name!r}"
    others = [other.model_fields["type"].default for other in kinds if name in other.model_fields]
    if others:
        message = f"{name!r} is a setting of type={others[0]!r}; here, type={model.model_fields['type'].default!r}"
    elif close := get_close_matches(name, model.model_fields, n=1):
        message += f": did you mean {close[0]!r}?"
    return (name,), "unknown_setting", message


def _custom(kind: str, message: str) -> PydanticCustomError:
    # Pydantic asks for literals so that its own texts can be translated; ours are made here.
    return PydanticCustomError(cast("LiteralString", kind), cast("LiteralString", message))
