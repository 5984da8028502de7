"""Runs the Python blocks of the Markdown files, each file in a namespace, a folder and an environment of its own."""

import os
import runpy
import tempfile
from contextlib import ExitStack, chdir
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

_CLEANUP: Final = "_cleanup"


def _enter(namespace: dict[str, Any]) -> None:
    stack = ExitStack()
    namespace[_CLEANUP] = stack
    stack.enter_context(chdir(stack.enter_context(tempfile.TemporaryDirectory())))
    _keep_environment(stack)
    _give_a_base_of_its_own(stack.enter_context(pytest.MonkeyPatch.context()))


def _leave(namespace: dict[str, Any]) -> None:
    namespace[_CLEANUP].close()


def _keep_environment(stack: ExitStack) -> None:
    """Take belgie's variables out of the environment, and put it back as it was afterwards."""
    before = dict(os.environ)
    stack.callback(os.environ.update, before)
    stack.callback(os.environ.clear)
    for name in before:
        if name.startswith("BELGIE_"):
            del os.environ[name]


def _give_a_base_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the declarative base: models register with it, and two documents may both have a `User`."""
    import belgie  # noqa: PLC0415  so that a run of other tests does not load all of it
    from belgie import alchemy  # noqa: PLC0415  the same

    import_module("examples.auth.main")  # its models keep the base that they are written for
    base = runpy.run_path(str(Path(str(alchemy.__file__)).with_name("base.py")))["Base"]
    monkeypatch.setattr(alchemy, "Base", base)
    monkeypatch.setattr(belgie, "Base", base)


# There is no parser for "skip": a block that cannot run is not marked as Python.
sybil = Sybil(parsers=[PythonCodeBlockParser()], patterns=["*.md"], setup=_enter, teardown=_leave)
pytest_collect_file = sybil.pytest()
