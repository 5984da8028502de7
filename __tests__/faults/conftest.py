"""What the faults' tests share; their findings are printed with `-v`."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import pytest
from __tests__.faults.findings import Finding, table

_FINDINGS: Final = pytest.StashKey[list[Finding]]()

type Record = Callable[..., None]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FINDINGS] = []


@pytest.fixture
def record(request: pytest.FixtureRequest) -> Record:
    """Keeps what a fault did, for the table: call it when everything has been asserted."""

    def keep(fault: str, database: str, statuses: Iterable[int], recovery: float | None = None, note: str = "") -> None:
        request.config.stash[_FINDINGS].append(Finding(fault, database, Counter(statuses), recovery, note))

    return keep


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    findings = config.stash.get(_FINDINGS, [])
    if findings and config.get_verbosity() > 0:
        terminalreporter.section("faults")
        for line in table(findings):
            terminalreporter.write_line(line)
