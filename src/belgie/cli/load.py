"""Finds what `module:name` stands for, in the application of the working directory."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from sqlalchemy import MetaData

from belgie.alchemy.adapter import AlchemyAdapter
from belgie.cli.failure import FailureError, explain_foreign


def load_metadata(target: str) -> MetaData:
    """Return the metadata of a declarative base, or the metadata itself.

    Raises:
        FailureError: it is something else, or has no tables.
    """
    found = load(target)
    metadata = found if isinstance(found, MetaData) else getattr(found, "metadata", None)
    if not isinstance(metadata, MetaData):
        msg = f"{target} is {_kind(found)}: expected the models' declarative base, or a sqlalchemy.MetaData"
        raise FailureError(msg)
    if hasattr(found, "__table__"):
        msg = f"{target} is one model: name the base that all models share, or its metadata"
        raise FailureError(msg)
    if not metadata.tables:
        msg = f"{target} has no tables: name it through the module that defines the models, which must be imported"
        raise FailureError(msg)
    return metadata


def load_adapter(target: str) -> AlchemyAdapter[Any, Any, Any, Any]:
    """Return the application's adapter.

    Raises:
        FailureError: it is something else.
    """
    found = load(target)
    if not isinstance(found, AlchemyAdapter):
        msg = f"{target} is {_kind(found)}: expected the AlchemyAdapter that the application gives to Auth"
        raise FailureError(msg)
    return cast("AlchemyAdapter[Any, Any, Any, Any]", found)


def load(target: str) -> object:
    """Import the module before the colon, as the application's server would, and return what is behind it.

    Raises:
        FailureError: there is no such module or name, or the module fails.
    """
    module, _, path = target.partition(":")
    found: object = _import(module)
    for name in path.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            msg = f"there is no {name!r} in {module}" + ("" if path == name else f" (looking for {path})")
            raise FailureError(msg) from None
    return found


def _import(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            msg = f"there is no module {error.name!r} in {here}, nor is one installed"
            raise FailureError(msg) from error
        raise _failed(name, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


def _failed(name: str, error: BaseException) -> FailureError:
    return FailureError(
        f"{name} cannot be imported: {explain_foreign(error, Path.cwd())}\n"
        f"The whole error, which may show secrets: python -c 'import {name}'"
    )


def _kind(found: object) -> str:
    name = f"the class {found.__name__}" if isinstance(found, type) else f"of type {type(found).__name__}"
    return "a module" if isinstance(found, ModuleType) else name
