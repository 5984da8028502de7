"""A certified OpenID provider, `oidc-provider` on Node.js, installed from its lock file into a temporary folder.

Where there is no Node.js these tests are left out, and the summary says so.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent
_TOOLS: Final = ("node", "npm")
_LEFT_OUT: Final = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if all(shutil.which(tool) for tool in _TOOLS):
        return
    ours = [item for item in items if HERE in item.path.parents]
    config.stash[_LEFT_OUT] = len(ours)
    config.hook.pytest_deselected(items=ours)
    items[:] = [item for item in items if item not in ours]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"{left_out} tests with the certified provider were not run: there is no Node.js here"
        )


@pytest.fixture(scope="session")
def certified_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provider, installed."""
    folder = tmp_path_factory.mktemp("certified")
    for name in ("package.json", "package-lock.json", "server.js"):
        shutil.copy(HERE / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    installed = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert installed.returncode == 0, installed.stderr
    return folder


@pytest.fixture
def certified_provider(certified_folder: Path) -> Iterator[Callable[[str], str]]:
    """Starts the provider for a redirect URI; gives its issuer."""
    processes: list[subprocess.Popen[str]] = []

    def start(redirect_uri: str) -> str:
        process = subprocess.Popen(
            ["node", "server.js", redirect_uri],
            cwd=certified_folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        processes.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    yield start
    for process in processes:
        process.terminate()
        process.communicate()
