"""The table of what the faults did, as measured."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

HEADINGS = ("fault", "database", "what the client saw", "requests lost", "rows lost", "time to recover")


@dataclass(frozen=True)
class Finding:
    """One row of the table: by the time it is written, the test has asserted that no row was lost."""

    fault: str
    database: str
    statuses: Counter[int]
    recovery: float | None = None
    note: str = ""

    def cells(self) -> tuple[str, ...]:
        saw = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()) if status)
        return (
            self.fault,
            self.database,
            saw + (f"; {self.note}" if self.note else ""),
            str(self.statuses[0]),
            "0",
            "-" if self.recovery is None else f"{self.recovery * 1000:.0f} ms",
        )


def table(findings: Iterable[Finding]) -> list[str]:
    """The findings as lines of Markdown."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(finding.cells() for finding in findings)]
    return ["| " + " | ".join(row) + " |" for row in rows]
