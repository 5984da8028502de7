import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

type RunPython = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run_python(tmp_path: Path) -> RunPython:
    """Run Python in a process of its own, with `tmp_path` as working directory and `path` first on `sys.path`."""

    def run(*arguments: str | Path, path: tuple[str | Path, ...] = ()) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("BELGIE_", "PYTHON"))}
        return subprocess.run(
            [sys.executable, *arguments],
            capture_output=True,
            check=False,
            cwd=tmp_path,
            env={**clean, "PYTHONPATH": os.pathsep.join(map(str, path))},
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file below `tmp_path`."""

    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    return write
