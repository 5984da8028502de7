"""The README's application: short enough to read, and real enough to sign in to."""

import re
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from examples.auth.browser import Browser
from examples.auth.provider import local_provider

type Start = Callable[..., subprocess.Popen[str]]
type Run = Callable[..., subprocess.CompletedProcess[str]]

README = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
CI = Path(__file__).parents[2] / ".ci" / "run"
BLOCK = re.search(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
SERVE = """
import os
from examples.auth.serve import address, listen, make_server

listener = listen("127.0.0.1", 0)
os.environ["BELGIE_BASE_URL"] = address(listener)
import application

print(os.environ["BELGIE_BASE_URL"], flush=True)
make_server(application.app, log_level="warning").run(sockets=[listener])
"""
COUNT_USERS = """
import asyncio, sys
from sqlalchemy import func, select
import application

async def main():
    async with application.adapter.db_runtime.session_maker() as session:
        print(application.db.type, await session.scalar(select(func.count()).select_from(application.User)))
    await application.adapter.db_runtime.dispose()

asyncio.run(main())
"""


@pytest.fixture
def application(folder: Path) -> None:
    """The README's first block, as a module that can be imported in the working directory."""
    assert BLOCK is not None
    (folder / "application.py").write_text(BLOCK[1])


@pytest.fixture
def variables() -> Generator[dict[str, str]]:
    """What the README tells to export, with a local provider in Google's place."""
    with local_provider() as issuer:
        yield {
            "BELGIE_BASE_URL": "http://127.0.0.1:8000",
            "BELGIE_DATABASE_URL": "sqlite:///app.db",
            "BELGIE_GOOGLE_CLIENT_ID": "client",
            "BELGIE_GOOGLE_CLIENT_SECRET": "secret",
            "BELGIE_GOOGLE_ISSUER": issuer,
            "BELGIE_SECRET": "0123456789abcdef0123456789abcdef",
        }


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    return "sqlite:///app.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


def test_the_application_has_at_most_forty_lines() -> None:
    assert BLOCK is not None
    assert len(BLOCK[1].splitlines()) <= 40


@pytest.mark.usefixtures("application")
def test_the_environment_alone_decides_where_people_are_kept(
    start: Start, run: Run, folder: Path, variables: dict[str, str], database_url: str
) -> None:
    variables |= {"BELGIE_DATABASE_URL": database_url}
    process = start("-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{SERVE}", **variables)
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with Browser("Test") as browser:
        assert browser.get(f"{url}/me").json() == {"detail": "not_authenticated"}
        form = browser.open(f"{url}/auth/provider/google/signin?redirect_url=/me")
        assert browser.press(form, "ada").response.json() == {"email": "ada@example.org"}
        assert browser.get(f"{url}/admin").status_code == 403
    done = run("-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{COUNT_USERS}", **variables)
    assert done.stdout.split() == [database_url.partition(":")[0].replace("postgresql", "postgres"), "1"], done.stderr


@pytest.mark.usefixtures("application")
@pytest.mark.parametrize(
    "missing", ["BELGIE_SECRET", "BELGIE_BASE_URL", "BELGIE_DATABASE_URL", "BELGIE_GOOGLE_CLIENT_ID"]
)
def test_a_variable_that_is_not_set_is_named(run: Run, folder: Path, variables: dict[str, str], missing: str) -> None:
    del variables[missing]
    done = run("-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import application", **variables)
    assert done.returncode == 1
    assert missing in done.stderr


def test_the_documented_commands_are_those_that_are_checked() -> None:
    assert "pip install uv && uv run python -m examples.auth --walkthrough\n" in README
    assert "pip install uv && uv run pytest -n auto\n" in README
    script = CI.read_text("utf-8")
    assert "uv run pytest -n auto\n" in script
    assert "set -euo pipefail" in script
    assert CI.stat().st_mode & 0o111 == 0o111
