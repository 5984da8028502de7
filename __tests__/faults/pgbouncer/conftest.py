"""A real PgBouncer in transaction mode; where the program is not installed its tests are left out, and it is said."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
_PROGRAM: Final = shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
_LEFT_OUT: Final = pytest.StashKey[int]()
_STOP_SECONDS: Final = 10


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _PROGRAM is not None:
        return
    ours = [item for item in items if HERE in item.path.parents]
    config.stash[_LEFT_OUT] = len(ours)
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests with a transaction pooler were not run: there is no pgbouncer here"
        )


class PgBouncer:
    """A pooler in front of one database, with two connections to it for everybody."""

    def __init__(self, folder: Path, server_port: int, database: str, port: int) -> None:
        self.port = port
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        (folder / "pgbouncer.ini").write_text(
            f"""
[databases]
{database} = host=127.0.0.1 port={server_port} user=postgres

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 2
max_client_conn = 200
"""
        )

    def start(self) -> None:
        assert _PROGRAM is not None
        # It refuses to run as root, and changes to the user that it is told.
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [_PROGRAM, *user, self._folder / "pgbouncer.ini"], stdout=log, stderr=log, cwd=self._folder
            )

    def stop(self) -> None:
        """Stop at once, dropping the connections of both sides."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(_STOP_SECONDS)


@pytest.fixture
def pgbouncer(postgres_settings: Any, unused_tcp_port: int) -> Iterator[PgBouncer]:
    """A running pooler in front of `postgres_settings`."""
    with tempfile.TemporaryDirectory(prefix="pgbouncer") as name:
        Path(name).chmod(0o755)  # another user than root reads its configuration
        pooler = PgBouncer(Path(name), postgres_settings.port, postgres_settings.database, unused_tcp_port)
        pooler.start()
        yield pooler
        pooler.stop()
