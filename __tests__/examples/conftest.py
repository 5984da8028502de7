import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

type Example = Callable[..., subprocess.Popen[str]]

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 20


def _environment(variables: dict[str, str]) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELGIE_", "PYTHON"))}
    return {**clean, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working directory of the processes."""
    path = tmp_path / "folder"
    path.mkdir()
    return path


@pytest.fixture
def run(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a Python program to its end."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            check=False,
            cwd=folder,
            env=_environment(variables),
            text=True,
            timeout=120,
        )

    return run


@contextmanager
def _started(folder: Path, arguments: tuple[str, ...], variables: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=_environment(variables),
        stderr=subprocess.STDOUT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                try:
                    process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


@pytest.fixture
def start(folder: Path) -> Generator[Example]:
    """Start a Python program; it is interrupted after the test."""
    with ExitStack() as stack:

        def start(*arguments: str, **variables: str) -> subprocess.Popen[str]:
            return stack.enter_context(_started(folder, arguments, variables))

        yield start


@pytest.fixture
def start_example(start: Example) -> Callable[..., tuple[subprocess.Popen[str], str]]:
    """Start the example on a free port, and return its process and address."""

    def start_example(*options: str, **variables: str) -> tuple[subprocess.Popen[str], str]:
        process = start("-m", "examples.auth", "--port", "0", *options, **variables)
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if found := re.match(r"Open (http://\S+)/ in a browser", line):
                return process, found[1]
        pytest.fail(f"the example did not start:\n{printed}")

    return start_example
