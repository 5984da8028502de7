"""Requests from a second process: wrk where it is installed, else a slower driver in Python."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.contenders.registry import ROOT
from benchmarks.server import ContenderError, Server

ADVICE: Final = (
    "wrk is not installed (Debian and Ubuntu: apt-get install wrk; macOS: brew install wrk). A driver in Python takes "
    "its place: the processor time of a request is right, but how many a second the fastest contenders answer is not."
)
_REPORT: Final = Path(__file__).with_name("report.lua")


@dataclass(frozen=True, slots=True)
class Load:
    """What one drive of one contender gave; `p50` and `p99` are milliseconds, `cpu` microseconds a request."""

    rate: float
    p50: float
    p99: float
    cpu: float


def has_wrk() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def drive(server: Server, *, connections: int, seconds: float) -> Load:
    """Ask `server` over so many connections for so long, each connection waiting for its answer.

    Raises:
        ContenderError: an answer was not 200, or a connection broke.
    """
    before = server.cpu_seconds
    done = subprocess.run(  # noqa: S603  our own command
        _command(server, connections, seconds),
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    used = server.cpu_seconds - before
    found = json.loads(done.stdout.strip().splitlines()[-1])
    if found["refused"] or found["broken"] or not found["requests"]:
        msg = f"{server.title}: {found['refused']} answers were errors, and {found['broken']} connections broke"
        raise ContenderError(msg)
    return Load(
        rate=found["requests"] / found["seconds"],
        p50=found["p50"],
        p99=found["p99"],
        cpu=used / found["requests"] * 1e6,
    )


def _command(server: Server, connections: int, seconds: float) -> list[str]:
    if has_wrk():
        # wrk counts whole seconds
        length = f"{max(1, round(seconds))}s"
        options = ["-t1", f"-c{connections}", f"-d{length}", "--timeout", "10s", "-s", str(_REPORT)]
        return ["wrk", *options, "-H", f"Cookie: {server.cookie}", server.url]
    options = ["--port", str(server.port), "--connections", str(connections), "--seconds", str(seconds)]
    return [sys.executable, "-m", "benchmarks.driver", *options, "--cookie", server.cookie]
