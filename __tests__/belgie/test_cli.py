"""The installed command `belgie`, as a process of its own, on real databases."""

import os
import pty
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from examples.alchemy import auth_models
from sqlalchemy import Table, func, inspect, select, text

import belgie
import proto
from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, DatabaseSettings

type Belgie = Callable[..., subprocess.CompletedProcess[str]]
type RunPython = Callable[..., subprocess.CompletedProcess[str]]
type Write = Callable[[str, str], Path]

COMMAND = Path(sys.executable).with_name("belgie")
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
MAIN = """
from app.models import Account, OAuthState, Session, User
from belgie.alchemy import AlchemyAdapter, DatabaseSettings

models = {"user": User, "account": Account, "session": Session, "oauth_state": OAuthState}
adapter = AlchemyAdapter(**models, db=DatabaseSettings())
without_database = AlchemyAdapter(**models)
"""
PASSWORD = "hunter2"


def url_of(settings: DatabaseSettings) -> str:
    url = settings.engine.url.render_as_string(hide_password=False)
    return url.replace("+asyncpg", "").replace("+aiosqlite", "")


def environment(variables: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELGIE_", "PYTHON"))}
    return {**clean, **variables}


@pytest.fixture(params=["sqlite_file", "postgres"])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings:
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
def run(tmp_path: Path) -> Belgie:
    """Run the command in an empty folder, with no variables of belgie's but those given."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env=environment(variables),
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def application(write: Write, tmp_path: Path) -> Path:
    """An application in the working directory."""
    write("app/models.py", MODELS)
    write("app/main.py", MAIN)
    return tmp_path


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed told, which is never a traceback nor a password."""
    assert done.returncode == 1, done
    assert done.stderr.startswith("belgie: ")
    assert "Traceback" not in done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    return done.stderr.removeprefix("belgie: ")


def wrong_use(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return " ".join(done.stderr.split())


async def fill(settings: DatabaseSettings, *, sessions: int, states: int) -> None:
    """Make the tables, with so many expired rows and one of each kind that has not expired."""
    adapter = AlchemyAdapter(
        user=auth_models.User,
        account=auth_models.Account,
        session=auth_models.Session,
        oauth_state=auth_models.OAuthState,
        db=settings,
    )
    past, future = (datetime.now(UTC) + timedelta(hours=hours) for hours in (-1, 1))
    async with DatabaseRuntime(settings) as runtime:
        async with runtime.engine.begin() as connection:
            tables = [auth_models.User, auth_models.Account, auth_models.Session, auth_models.OAuthState]
            for model in tables:
                await connection.run_sync(cast("Table", model.__table__).create)
        async with runtime.session() as db, adapter.transaction(db):
            user = await adapter.create_user(db, "ada@example.org")
            for moment in [past] * sessions + [future]:
                await adapter.create_session(db, user.id, moment)
            for moment in [past] * states + [future]:
                await adapter.create_oauth_state(db, str(uuid4()), moment)


async def count(settings: DatabaseSettings) -> tuple[int, int]:
    async with DatabaseRuntime(settings) as runtime, runtime.session() as db:
        one, other = [
            await db.scalar(select(func.count()).select_from(model))
            for model in (auth_models.Session, auth_models.OAuthState)
        ]
        return one or 0, other or 0


async def tables_of(settings: DatabaseSettings) -> set[str]:
    async with DatabaseRuntime(settings) as runtime, runtime.engine.connect() as connection:
        return set(await connection.run_sync(lambda sync: inspect(sync).get_table_names()))


# ---- around it


def test_the_version_is_the_distributions(run: Belgie) -> None:
    done = run("--version")
    assert re.fullmatch(r"belgie \d+\.\d+\.\d+\n", done.stdout)
    assert done.returncode == 0


def test_python_m_does_the_same(run_python: RunPython) -> None:
    done = run_python("-m", "belgie.cli", "--help")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "Usage: belgie [OPTIONS] COMMAND [ARGS]...")


# ---- secret


def test_a_secret_is_new_each_time_and_good_enough_for_auth(run: Belgie) -> None:
    secrets = {run("secret").stdout for _ in range(3)}
    assert len(secrets) == 3
    for secret in secrets:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", secret)
        belgie.AuthSettings(secret=secret.strip(), base_url="https://app.example")


# ---- ping


def test_ping_tells_version_time_and_place(run: Belgie, settings: DatabaseSettings) -> None:
    done = run("db", "ping", BELGIE_DATABASE_URL=url_of(settings))
    assert (done.returncode, done.stderr) == (0, "")
    name = {"postgres": r"PostgreSQL \d+\.\d+", "sqlite": r"SQLite \d+\.\d+\.\d+"}[settings.type]
    place = {"postgres": r"t\w+ at 127\.0\.0\.1, port \d+", "sqlite": r"/\S+/test\.db"}[settings.type]
    assert re.fullmatch(rf"{name} answered in \d+\.\d ms: {place}\n", done.stdout)


def test_ping_takes_a_file_of_variables_and_the_name_of_a_database(
    run: Belgie, settings: DatabaseSettings, write: Write
) -> None:
    write(".env", f"BELGIE_DATABASE_ANALYTICS__URL={url_of(settings)}\nBELGIE_DATABASE_URL=sqlite:///other.db\n")
    done = run("db", "ping", "--name", "analytics", "--env-file", ".env")
    assert (done.returncode, "other.db" in done.stdout) == (0, False), done.stderr
    assert run("db", "ping", "--env-file", ".env").stdout.endswith(": other.db\n")
    unknown = told(run("db", "ping", "--env-file", ".env", "--name", "audit"))
    assert unknown == (
        "the environment describes no database 'audit' (BELGIE_DATABASE_AUDIT__...); there are: analytics, default\n"
    )


def test_ping_waits_for_a_database_that_is_starting(own_postgres_server: Any, tmp_path: Path) -> None:
    own_postgres_server.stop()
    variables = environment({"BELGIE_DATABASE_URL": own_postgres_server.dsn})
    command = [COMMAND, "db", "ping", "--wait", "50"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        own_postgres_server.start()
        output, _ = process.communicate(timeout=60)
    assert (process.returncode, output.startswith("PostgreSQL ")) == (0, True), output


def test_an_interrupt_ends_the_waiting_without_a_traceback(tmp_path: Path) -> None:
    """Who runs the tests in the background may have interrupts ignored, which the command would inherit."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/app"
        with subprocess.Popen(
            [COMMAND, "db", "ping"],
            cwd=tmp_path,
            env=environment({"BELGIE_DATABASE_URL": url}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - there are no threads
        ) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=60)
    assert process.returncode > 0
    assert output.strip() in {"", "Aborted!", "Aborted."}


def test_an_interrupt_that_is_ignored_stays_ignored(tmp_path: Path) -> None:
    """As with `belgie db ping &` in a script."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://app:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/app"
        with subprocess.Popen(
            [COMMAND, "db", "ping"],
            cwd=tmp_path,
            env=environment({"BELGIE_DATABASE_URL": url, "BELGIE_DATABASE_CONNECT_TIMEOUT": "1"}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_IGN),  # noqa: PLW1509 - there are no threads
        ) as process:
            connection, _ = silent.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert output.startswith("belgie: the database did not answer, or not in time")


def test_ping_gives_up_when_the_time_is_over(run: Belgie) -> None:
    done = run("db", "ping", "--wait", "0.3", BELGIE_DATABASE_URL=f"postgresql://app:{PASSWORD}@127.0.0.1:1/app")
    assert told(done).startswith("the database did not answer, or not in time: [Errno 111] Connect call failed")


def test_a_database_that_is_not_there_is_named(run: Belgie, postgres_dsn: str) -> None:
    url = postgres_dsn.replace("postgres@", f"postgres:{PASSWORD}@").rpartition("/")[0]
    done = run("db", "ping", BELGIE_DATABASE_URL=f"{url}/nowhere")
    assert told(done) == 'the database did not answer, or not in time: database "nowhere" does not exist\n'


def test_a_file_that_is_no_database_is_told(run: Belgie, write: Write) -> None:
    write("notes.txt", "These are no rows. " * 100)
    done = run("db", "ping", BELGIE_DATABASE_URL="sqlite:///notes.txt")
    assert told(done) == "the database did not answer, or not in time: file is not a database\n"


def test_a_folder_that_is_not_there_is_told(run: Belgie) -> None:
    done = run("db", "ping", BELGIE_DATABASE_URL="sqlite:////nowhere/app.db")
    assert told(done).startswith("the folder of the SQLite database does not exist: /nowhere; ")


def test_a_url_is_no_argument(run: Belgie) -> None:
    assert "No such option" in wrong_use(run("db", "ping", "--url", "sqlite:///app.db"))
    assert "unexpected extra argument" in wrong_use(run("db", "ping", "sqlite:///app.db"))


def test_the_working_directory_is_not_searched_for_what_ping_imports(run: Belgie, write: Write) -> None:
    write("sqlalchemy.py", "raise SystemExit('foreign code ran')\n")
    done = run("db", "ping", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (done.returncode, done.stderr) == (0, "")


# ---- create


async def test_create_makes_the_missing_tables_and_leaves_the_others(
    run: Belgie, settings: DatabaseSettings, application: Path
) -> None:
    variables = {"BELGIE_DATABASE_URL": url_of(settings)}
    async with DatabaseRuntime(settings) as runtime, runtime.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE oauth_states (id integer)"))
    done = run("db", "create", "app.models:Base", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == ["created accounts", "created sessions", "created users"]
    assert await tables_of(settings) == {"accounts", "oauth_states", "sessions", "users"}
    again = run("db", "create", "app.models:Base.metadata", **variables)
    assert (again.returncode, again.stdout) == (0, "nothing to create: the 4 tables are there\n")


def test_create_works_beside_an_applications_own_auth(run: Belgie, application: Path, write: Write) -> None:
    write("auth.py", "raise SystemExit('foreign code ran')\n")
    done = run("db", "create", "app.models:Base", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4), done.stderr


def test_create_refuses_a_database_that_ends_with_it(run: Belgie, application: Path) -> None:
    done = run("db", "create", "app.models:Base", BELGIE_DATABASE_URL="sqlite://")
    assert told(done).startswith("the settings name a database in memory, which ends with this command")


def test_what_the_database_refuses_is_told_without_the_statement(run: Belgie, application: Path) -> None:
    done = run(
        "db", "create", "app.models:Base", BELGIE_DATABASE_URL="sqlite:///app.db", BELGIE_DATABASE_READ_ONLY="true"
    )
    assert told(done) == "the database refuses: attempt to write a readonly database\n"


# ---- purge


@pytest.mark.parametrize("batch", [(), ("--batch", "2")], ids=["default", "2"])
async def test_purge_deletes_what_has_expired_and_counts_it(
    run: Belgie, settings: DatabaseSettings, application: Path, batch: tuple[str, ...]
) -> None:
    await fill(settings, sessions=5, states=3)
    variables = {"BELGIE_DATABASE_URL": url_of(settings)}
    done = run("db", "purge", "--adapter", "app.main:adapter", *batch, **variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "expired sessions deleted: 5\nexpired sign-ins deleted: 3\n"
    assert await count(settings) == (1, 1)
    again = run("db", "purge", "--adapter", "app.main:without_database", **variables)
    assert again.stdout == "expired sessions deleted: 0\nexpired sign-ins deleted: 0\n"


async def test_purge_deletes_so_many_rows_at_a_time(
    run: Belgie, sqlite_file_settings: DatabaseSettings, application: Path
) -> None:
    await fill(sqlite_file_settings, sessions=5, states=0)
    variables = {"BELGIE_DATABASE_URL": url_of(sqlite_file_settings), "BELGIE_DATABASE_ECHO": "true"}
    done = run("db", "purge", "--adapter", "app.main:adapter", "--batch", "2", **variables)
    assert len(re.findall("DELETE FROM sessions", done.stdout + done.stderr)) == 3
    assert done.returncode == 0


def on_terminal(folder: Path, *arguments: str, **variables: str) -> tuple[str, str]:
    """Run the command with a terminal as standard error, and return what it printed and what it showed there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [COMMAND, *arguments],
        cwd=folder,
        env=environment({"TERM": "xterm", "COLUMNS": "80", **variables}),
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as process:
        os.close(theirs)
        output, _ = process.communicate(timeout=60)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert process.returncode == 0, shown
    return output, shown


async def test_on_a_terminal_purge_shows_how_far_it_is(settings: DatabaseSettings, application: Path) -> None:
    await fill(settings, sessions=4, states=1)
    command = ("db", "purge", "--adapter", "app.main:adapter", "--batch", "1")
    output, shown = on_terminal(application, *command, BELGIE_DATABASE_URL=url_of(settings))
    assert output == "expired sessions deleted: 4\nexpired sign-ins deleted: 1\n"
    assert re.search(r"deleting +\[#+-+\] +20%.*deleting +\[#+\] +100%", shown, re.DOTALL), shown


async def test_purge_tells_what_it_had_deleted_before_it_failed(
    run: Belgie, settings: DatabaseSettings, application: Path
) -> None:
    await fill(settings, sessions=2, states=1)
    async with DatabaseRuntime(settings) as runtime, runtime.engine.begin() as connection:
        await connection.execute(text("DROP TABLE oauth_states"))
    done = run("db", "purge", "--adapter", "app.main:adapter", BELGIE_DATABASE_URL=url_of(settings))
    reason = told(done)
    assert "oauth_states" in reason
    assert "DELETE" not in reason
    assert done.stdout == "expired sessions deleted: 2\n"


def test_purge_takes_nothing_but_the_adapter(run: Belgie, application: Path) -> None:
    done = run("db", "purge", "--adapter", "app.models:Base", BELGIE_DATABASE_URL="sqlite:///app.db")
    assert told(done) == (
        "app.models:Base is the class Base: expected the AlchemyAdapter that the application gives to Auth\n"
    )


def test_the_whole_error_is_shown_when_it_is_asked_for(run: Belgie) -> None:
    done = run("--traceback", "db", "ping", BELGIE_DATABASE_URL="postgresql://app@127.0.0.1:1/app")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "proto.errors.UnavailableError: the database did not answer" in done.stderr


def test_without_typer_the_command_names_the_extra(run_python: RunPython) -> None:
    path = (Path(belgie.__file__).parents[1], Path(proto.__file__).parents[1])
    done = run_python("-S", "-c", "from belgie.cli import main; main()", path=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "belgie: this command needs Typer, which is not installed. Install it: pip install 'belgie[cli]'\n"
    )


@pytest.mark.parametrize(
    ("program", "unwanted"),
    [
        ("import belgie; dir(belgie)", {"alembic", "sqlalchemy", "typer"}),
        ("import belgie.alchemy", {"alembic", "typer", "belgie.cli"}),
        ("import belgie.cli", {"alembic", "sqlalchemy", "typer"}),
        ("from belgie.cli.app import run; run(['secret'])", {"alembic", "sqlalchemy", "fastapi"}),
        ("from belgie.cli.app import run; run(['db', 'ping'])", {"alembic", "fastapi", "starlette", "auth"}),
    ],
)
def test_nothing_is_loaded_that_is_not_needed(run_python: RunPython, program: str, unwanted: set[str]) -> None:
    done = run_python("-c", f"import sys; {program}; print(*sys.modules)")
    assert unwanted & set(done.stdout.split()) == set()
    assert "belgie" in done.stdout.split()
