"""An environment without belgie's variables."""

import os

import pytest


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the developer's shell may say."""
    for name in os.environ:
        if name.startswith("BELGIE_"):
            monkeypatch.delenv(name)
