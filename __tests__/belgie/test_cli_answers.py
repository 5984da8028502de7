"""What `belgie` tells, above all when it cannot do as it was told, in this process."""

import io
import re
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from belgie.cli import app as cli_app
from belgie.cli import main

type Write = Callable[[str, str], Path]
type Belgie = Callable[..., tuple[int, str]]

PASSWORD = "hunter2"
README = (Path(__file__).parents[2] / "src" / "belgie" / "cli" / "README.md").read_text()
COMMANDS = [(), ("secret",), ("db",), ("db", "ping"), ("db", "create"), ("db", "purge")]
MODELS = """
from belgie.alchemy import AccountMixin, NAMING_CONVENTION, OAuthStateMixin, SessionMixin, UserMixin
from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass


class Base(MappedAsDataclass, DeclarativeBase, kw_only=True):
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class User(UserMixin, Base):
    __tablename__ = "users"


class Account(AccountMixin, Base):
    __tablename__ = "accounts"


class Session(SessionMixin, Base):
    __tablename__ = "sessions"


class OAuthState(OAuthStateMixin, Base):
    __tablename__ = "oauth_states"


class Empty(DeclarativeBase):
    pass
"""
MAIN = """
import application.models
from application.models import Account, OAuthState, Session, User
from belgie.alchemy import AlchemyAdapter

adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState)
"""

WRONG_ADAPTER = """
import belgie
from application.models import Account, OAuthState, Session
belgie.AlchemyAdapter(user=Account, account=Account, session=Session, oauth_state=OAuthState)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, from which what a test imports is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def application(folder: Path, write: Write) -> Path:
    write("application/__init__.py", "")
    write("application/models.py", MODELS)
    write("application/main.py", MAIN)
    return folder


@pytest.fixture
def run(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Belgie:
    """Run the command and return its exit code and what it told."""

    def run(*arguments: str, **variables: str) -> tuple[int, str]:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["belgie", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        output, errors = capsys.readouterr()
        assert output == ""
        assert "Traceback" not in errors
        assert PASSWORD not in errors
        code = ended.value.code
        assert isinstance(code, int)
        return code, errors

    return run


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({}, "set BELGIE_DATABASE_DATABASE or BELGIE_DATABASE_URL"),
        ({"BELGIE_DATABASE_TYPE": "postgres"}, "set BELGIE_DATABASE_HOST or BELGIE_DATABASE_URL"),
        ({"BELGIE_DATABASE_TYPE": "mysql"}, "'postgres' or 'sqlite'"),
        ({"BELGIE_DATABASE_URL": f"mysql://app:{PASSWORD}@db/app"}, "must begin with postgresql://"),
        ({"BELGIE_DATABASE_URL": f"postgresql://app:{PASSWORD}@db:many/app"}, "a number between 1 and 65535"),
        ({"BELGIE_DATABASE_PASSWORD": PASSWORD, "BELGIE_DATABASE_TYPE": "postgres"}, "BELGIE_DATABASE_HOST"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        ("ping",),
        ("create", "application.models:Base"),
        ("purge", "--adapter", "application.main:adapter"),
    ],
    ids=["ping", "create", "purge"],
)
def test_settings_that_do_not_do_are_told_by_their_variables(
    run: Belgie, application: Path, command: tuple[str, ...], variables: dict[str, str], wanted: str
) -> None:
    code, told = run("db", *command, **variables)
    assert (code, wanted in told) == (1, True), told
    assert "Settings cannot be used:\n  " in told


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        (
            "application.main:adapter",
            "is of type AlchemyAdapter: expected the models' declarative base, or a sqlalchemy.M",
        ),
        ("application:models", "application:models is a module: expected the models' declarative base"),
        ("application.main:AlchemyAdapter", "is the class AlchemyAdapter: expected the models' declarative base"),
        ("application.models:User", "application.models:User is one model: name the base that all models share"),
        ("application.models:Empty", "application.models:Empty has no tables: name it through the module that defines"),
        ("application.models:Bose", "there is no 'Bose' in application.models\n"),
        (
            "application.models:Base.meta.data",
            "there is no 'meta' in application.models (looking for Base.meta.data)\n",
        ),
        ("application.model:Base", "there is no module 'application.model' in "),
        ("applications.models:Base", "there is no module 'applications' in "),
    ],
)
def test_create_refuses_what_has_no_tables(run: Belgie, application: Path, target: str, wanted: str) -> None:
    if target == "application:models":
        (application / "application" / "__init__.py").write_text("from application import models\n")
    code, told = run("db", "create", target, BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (code, wanted in told) == (1, True), told
    assert not (application / "app.db").exists()


@pytest.mark.parametrize("target", ["application.models:Base", "application.models:User", "application:models"])
def test_purge_takes_nothing_but_an_adapter(run: Belgie, application: Path, target: str) -> None:
    (application / "application" / "__init__.py").write_text("from application import models\n")
    code, told = run("db", "purge", "--adapter", target, BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (code, told.startswith(f"belgie: {target} is ")) == (1, True), told
    assert told.endswith(": expected the AlchemyAdapter that the application gives to Auth\n")


@pytest.mark.parametrize(
    "target", ["app.models", "app/models.py:Base", "models.py:Base", ":Base", "app.models:", "a b:c", "a:b:c", ""]
)
def test_a_target_of_another_form_is_wrong_use(run: Belgie, target: str) -> None:
    for command in (("create", target), ("purge", "--adapter", target)):
        code, told = run("db", *command)
        assert (code, "expected MODULE:NAME, such as app.models:Base" in " ".join(told.split())) == (2, True), told


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        (f"x = 1\nint('{PASSWORD}')", "ValueError ({}, line 2)\n"),
        ("def load():\n    return missing\nload()", "NameError: name 'missing' is not defined ({}, line 2)\n"),
        ("import os\nos.environ['APP_KEY']", "KeyError: 'APP_KEY' ({}, line 2)\n"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere' ({}, line 1)\n"),
        ("def (:", "SyntaxError: invalid syntax ({}, line 1)\n"),
        (f"open('{PASSWORD}')", "FileNotFoundError ({}, line 1)\n"),
        (f"raise SystemExit('{PASSWORD}')", "SystemExit ({}, line 1)\n"),
        (
            f"import belgie\nbelgie.PostgresSettings(host='{PASSWORD}:many')",
            "ValidationError ({}, line 2): PostgresSettings cannot be used:\n  host: ",
        ),
        (
            WRONG_ADAPTER,
            "TypeError: AlchemyAdapter(user=Account): there is no mapped column email; ",
        ),
    ],
)
def test_an_application_that_fails_is_told_where_and_without_values(
    run: Belgie, application: Path, write: Write, code: str, wanted: str
) -> None:
    file = write("broken.py", f"{code}\n")
    exit_code, told = run("db", "create", "broken:Base", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert exit_code == 1
    assert told.startswith(f"belgie: broken cannot be imported: {wanted.format(file)}"), told
    assert told.endswith("The whole error, which may show secrets: python -c 'import broken'\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("db", "purge"),
        ("db", "purge", "--adapter", "application.main:adapter", "--batch", "0"),
        ("db", "purge", "--adapter", "application.main:adapter", "--batch", "many"),
        ("db", "create"),
        ("db", "ping", "--wait", "-1"),
        ("db", "ping", "--env-file", "missing.env"),
        ("db", "ping", "--url", f"postgresql://app:{PASSWORD}@db/app"),
        ("db", "ping", "sqlite:///app.db"),
        ("db", "drop"),
        ("secrets",),
    ],
    ids=" ".join,
)
def test_wrong_use_is_told_as_such(run: Belgie, arguments: tuple[str, ...]) -> None:
    code, told = run(*arguments)
    assert code == 2
    assert told.startswith("Usage: belgie")


def test_an_error_that_nobody_has_foreseen_is_told_by_its_kind_and_place(
    run: Belgie, application: Path, write: Write
) -> None:
    file = write(
        "surprise.py",
        f"class Surprise:\n    @property\n    def metadata(self):\n        raise ValueError('{PASSWORD}')\n"
        "base = Surprise()\n",
    )
    code, told = run("db", "create", "surprise:base", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (code, told) == (
        1,
        f"belgie: unexpected ValueError ({file}, line 4)\nThe whole error: belgie --traceback ...\n",
    )


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        (f"postgresql://app:{PASSWORD}@127.0.0.1:1/app", "Connect call failed ('127.0.0.1', 1)"),
        ("sqlite:////nowhere/app.db", "the folder of the SQLite database does not exist: /nowhere"),
        ("sqlite:///application", "unable to open database file"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [("ping",), ("create", "application.models:Base"), ("purge", "--adapter", "application.main:adapter")],
    ids=["ping", "create", "purge"],
)
def test_a_database_that_cannot_be_reached_is_told_with_the_reason(
    run: Belgie, application: Path, command: tuple[str, ...], url: str, wanted: str
) -> None:
    code, told = run("db", *command, BELGIE_DATABASE_URL=url)
    assert (code, wanted in told) == (1, True), told


def test_a_server_that_does_not_speak_is_told_when_the_time_is_over(run: Belgie) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/app"
        code, told = run("db", "ping", BELGIE_DATABASE_URL=url, BELGIE_DATABASE_CONNECT_TIMEOUT="0.2")
    assert (code, told) == (1, "belgie: the database did not answer, or not in time: no answer in time\n")


def test_tables_that_are_missing_are_told_by_name(run: Belgie, application: Path) -> None:
    code, told = run("db", "purge", "--adapter", "application.main:adapter", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (code, told) == (1, "belgie: the database did not answer, or not in time: no such table: sessions\n")


class Terminal(io.StringIO):
    """Standard error, as a terminal has it."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("batch", [(), ("--batch", "2")], ids=["default", "2"])
def test_what_goes_well_is_told_on_standard_output_and_its_progress_on_the_terminal(
    application: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], batch: tuple[str, ...]
) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "sqlite:///app.db")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert cli_app.run(["db", "create", "application.models:Base"]) == 0
    assert "created users\n" in capsys.readouterr().out
    with closing(sqlite3.connect("app.db")) as connection, connection:
        connection.executemany(
            "INSERT INTO oauth_states (id, state, expires_at, created_at) VALUES (?, ?, ?, ?)",
            [(uuid4().hex, str(number), "2001-01-01 00:00:00", "2001-01-01 00:00:00") for number in range(5)],
        )
    assert cli_app.run(["db", "purge", "--adapter", "application.main:adapter", *batch]) == 0
    assert capsys.readouterr().out == "expired sessions deleted: 0\nexpired sign-ins deleted: 5\n"
    assert "100%" in terminal.getvalue()
    assert cli_app.run(["db", "ping"]) == 0
    assert cli_app.run(["secret"]) == 0
    assert cli_app.run(["--version"]) == 0
    assert cli_app.run(["db", "create", "application.models:Base.metadata"]) == 0
    assert "nothing to create: the 4 tables are there\n" in capsys.readouterr().out


def test_a_named_database_is_found_by_its_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_AUDIT__URL", "sqlite:///audit.db")
    assert cli_app.run(["db", "ping", "--name", "audit", "--wait", "1"]) == 0
    assert capsys.readouterr().out.endswith(": audit.db\n")
    assert cli_app.run(["db", "ping", "--name", "sales"]) == 1
    assert capsys.readouterr().err == (
        "belgie: the environment describes no database 'sales' (BELGIE_DATABASE_SALES__...); there are: audit\n"
    )


def test_a_database_in_memory_gets_no_tables(run: Belgie, application: Path) -> None:
    code, told = run("db", "create", "application.models:Base", BELGIE_DATABASE_URL="sqlite://")
    assert code == 1
    assert told.startswith("belgie: the settings name a database in memory, which ends with this command")


def test_the_traceback_is_shown_when_it_is_asked_for(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BELGIE_DATABASE_URL", "sqlite:////nowhere/app.db")
    assert cli_app.run(["--traceback", "db", "ping"]) == 1
    assert capsys.readouterr().err.startswith("Traceback (most recent call last):\n")
    assert cli_app.run(["db", "ping"]) == 1
    assert capsys.readouterr().err.startswith("belgie: ")


def test_what_else_is_missing_than_typer_is_not_blamed_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "belgie.cli.app")
    gone: Any = None
    monkeypatch.setitem(sys.modules, "importlib.metadata", gone)
    with pytest.raises(ModuleNotFoundError, match=r"importlib\.metadata"):
        main()
    monkeypatch.undo()
    monkeypatch.delitem(sys.modules, "belgie.cli.app")
    monkeypatch.setitem(sys.modules, "typer", gone)
    with pytest.raises(SystemExit, match=r"pip install 'belgie\[cli\]'"):
        main()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_that_the_readme_agrees_with(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert cli_app.run([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert cli_app.run([*command, "-h"]) == 0
    assert capsys.readouterr().out == shown
    assert f"Usage: {' '.join(['belgie', *command])} " in shown
    for option in re.findall(r"--[a-z-]+", shown):
        assert option in README, option
    if command:
        assert f"`{' '.join(['belgie', *command])}" in README


@pytest.mark.parametrize("command", [(), ("db",)])
def test_without_a_command_the_help_is_shown_as_an_error(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    assert cli_app.run([*command]) == 2
    shown = "".join(capsys.readouterr())
    assert "Exit codes: 0 well done, 1 failed" in " ".join(shown.split())
