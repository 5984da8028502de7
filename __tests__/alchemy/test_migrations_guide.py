"""MIGRATIONS.md, followed to the letter: its files, its commands, in processes of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect, text

from belgie.alchemy import DatabaseRuntime, DatabaseSettings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "src" / "belgie" / "alchemy" / "MIGRATIONS.md").read_text()
MODELS = """
from belgie.alchemy import AccountMixin, Base, OAuthStateMixin, SessionMixin, UserMixin


class User(UserMixin, Base):
    __tablename__ = "users"


class Account(AccountMixin, Base):
    __tablename__ = "accounts"


class Session(SessionMixin, Base):
    __tablename__ = "sessions"


class OAuthState(OAuthStateMixin, Base):
    __tablename__ = "oauth_states"
"""

type Run = Callable[..., subprocess.Popen[str]]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.DOTALL | re.MULTILINE)


@pytest.fixture(params=["sqlite_file", "postgres"])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings:
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The guide's application, as far as it is not Alembic's."""
    path = tmp_path / "application"
    (path / "app").mkdir(parents=True)
    (path / "app" / "models.py").write_text(MODELS)
    return path


@pytest.fixture
def start(settings: DatabaseSettings, folder: Path) -> Run:
    """Start a command in the application's folder, with the database in its environment."""
    url = settings.engine.url.render_as_string(hide_password=False)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELGIE_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**clean, "PATH": path, "BELGIE_DATABASE_URL": url.replace("+asyncpg", "").replace("+aiosqlite", "")}

    def start(*command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    return start


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def files() -> dict[str, str]:
    """The guide's blocks that begin with the path of a file."""
    named = {found[1]: block for block in blocks("text") if (found := re.match(r"# (\S+\.py)\n", block))}
    assert named.keys() == {"app/database.py", "migrations/env.py"}
    return named


async def look(settings: DatabaseSettings) -> tuple[set[str], list[Any]]:
    async with DatabaseRuntime(settings) as runtime, runtime.engine.connect() as connection:
        tables = set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))
        return tables, list(await connection.scalars(text("SELECT version_num FROM alembic_version")))


async def test_the_guide_leads_to_a_database_that_agrees_with_the_models(
    settings: DatabaseSettings, folder: Path, start: Run
) -> None:
    install, make, migrate = (block.strip().splitlines() for block in blocks("sh"))
    assert install == ["pip install 'belgie[migrations]'"]
    for line in make:
        finish(start("sh", "-c", line))
    for name, text_of_file in files().items():
        (folder / name).write_text(text_of_file)
    ini = folder / "alembic.ini"
    ini.write_text(re.sub(r"^sqlalchemy\.url = .*\n", "", ini.read_text(), flags=re.MULTILINE))
    outputs = [finish(start("sh", "-c", line)) for line in migrate]
    assert "Running upgrade  -> " in outputs[1], "the ini file's logging is set up"
    assert "No new upgrade operations detected." in outputs[-1]
    tables, versions = await look(settings)
    assert tables == {"accounts", "alembic_version", "oauth_states", "sessions", "users"}
    assert len(versions) == 1


async def test_of_several_processes_that_start_at_once_one_migrates(
    settings: DatabaseSettings, folder: Path, start: Run
) -> None:
    finish(start("alembic", "init", "migrations"))
    for name, text_of_file in files().items():
        (folder / name).write_text(text_of_file)
    (folder / "migrations" / "versions" / "one.py").write_text(
        "import time\n"
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        "revision, down_revision = 'one', None\n"
        "def upgrade():\n"
        "    op.create_table('marks', sa.Column('id', sa.Integer, primary_key=True))\n"
        "    time.sleep(1)\n"
        "    op.execute('INSERT INTO marks (id) VALUES (1)')\n"
    )
    together = [start("alembic", "upgrade", "head") for _ in range(3)]
    outputs = [finish(process) for process in together]
    assert sum("Running upgrade" in output for output in outputs) == 1
    tables, versions = await look(settings)
    assert (tables, versions) == ({"alembic_version", "marks"}, ["one"])


def test_without_alembic_the_error_names_the_extra() -> None:
    program = "import sys; sys.modules['alembic'] = None; import belgie.alchemy.migrations"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith(
        "ModuleNotFoundError: belgie.alchemy.migrations needs Alembic, which is not installed. "
        "Install it: pip install 'belgie[migrations]'"
    )


def test_belgie_alchemy_does_without_alembic() -> None:
    program = (
        "import sys, belgie.alchemy; from belgie import *; print('alembic' in sys.modules, 'typer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr
