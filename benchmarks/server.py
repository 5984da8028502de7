"""A contender's process: started, asked whether it answers rightly, measured and stopped."""

import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import psutil
from benchmarks.contenders.registry import ROOT, Contender
from benchmarks.cores import SERVER_CORES, pin

_START_SECONDS: Final = 120  # the first time, uv makes the environment of a contender that has its own
_MEBIBYTE: Final = 1024 * 1024


class ContenderError(Exception):
    """A contender does not start, or answers something wrong."""


@dataclass
class Server:
    """A contender that listens."""

    title: str
    port: int
    process: psutil.Process
    cookie: str
    versions: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        """Where the route is."""
        return f"http://127.0.0.1:{self.port}/me"

    @property
    def cpu_seconds(self) -> float:
        """The processor time that it has used, its threads' included."""
        times = self.process.cpu_times()
        return times.user + times.system

    @property
    def resident_mebibytes(self) -> float:
        """The memory that it holds."""
        return self.process.memory_info().rss / _MEBIBYTE

    def check(self, *, database: bool) -> None:
        """Ask as the driver will, keeping the cookies that it sets, and once without a cookie.

        Raises:
            ContenderError: an answer is not what it should be.
        """
        answer = self._ask(self.cookie)
        self.cookie = "; ".join([self.cookie, *_cookies_of(answer)])
        if _cookies_of(self._ask(self.cookie)):
            msg = f"{self.title} does not take the cookie that it has just set"
            raise ContenderError(msg)
        stranger = httpx.get(self.url)
        if database and stranger.status_code != httpx.codes.UNAUTHORIZED:
            msg = f"{self.title} answered {stranger.status_code} to a request without a session, not 401"
            raise ContenderError(msg)

    def _ask(self, cookie: str) -> httpx.Response:
        answer = httpx.get(self.url, headers={"cookie": cookie}, timeout=_START_SECONDS)
        if answer.status_code != httpx.codes.OK or "@example.com" not in answer.text:
            msg = f"{self.title} answered {answer.status_code} to a request with a session"
            raise ContenderError(msg)
        return answer


def _cookies_of(answer: httpx.Response) -> list[str]:
    """Return the cookies that an answer sets, letter by letter as a browser sends them back."""
    return [header.partition(";")[0] for header in answer.headers.get_list("set-cookie")]


@contextmanager
def serving(contender: Contender, *, url: str, session: str, rows: int) -> Generator[Server]:
    """Run a contender while the block runs.

    Raises:
        ContenderError: it does not start, or answers something wrong.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BELGIE_")}
    environment["PYTHONPATH"] = str(ROOT)
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603  our own command
            contender.command(url=url, session=session, rows=rows),
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=ROOT,
            env=environment,
        )
        pin(process.pid, SERVER_CORES)
        try:
            told = _first_line(process)
            if told is None:
                log.seek(0)
                msg = f"{contender.title} did not start:\n{log.read().decode(errors='replace')[-4000:]}"
                raise ContenderError(msg)
            server = Server(
                contender.title, told["port"], psutil.Process(told["pid"]), told["cookie"], told["versions"]
            )
            server.check(database=contender.database)
            yield server
        finally:
            process.terminate()
            process.wait()


def _first_line(process: subprocess.Popen[bytes]) -> dict[str, Any] | None:
    """Return what the process says when it listens; None if it ends or says nothing in time."""
    deadline = time.monotonic() + _START_SECONDS
    output = process.stdout
    if output is None:
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(output, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(timeout=1):
                line = output.readline()
                return json.loads(line) if line else None
    return None
