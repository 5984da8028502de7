"""Who takes part, by the names that the command line knows."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
STATIC: Final = "static"
JOIN: Final = "join"
FASTAPI_USERS: Final = "fastapi-users"


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to answer who is asking.

    Attributes:
        title: how the table calls it.
        module: what serves it, below this folder.
        way: which of the module's ways.
        alone: it runs in an environment of its own.
        database: it asks one.
    """

    title: str
    module: str
    way: str | None = None
    alone: bool = False
    database: bool = True

    def command(self, *, url: str, session: str, rows: int) -> list[str]:
        """Return the command that serves it."""
        if self.alone:
            # the same Python; uv would take its newest
            python = Path(sys.base_prefix) / "bin" / "python3"
            start = [
                "uv",
                "run",
                "--quiet",
                "--python",
                str(python),
                "--script",
                f"benchmarks/contenders/{self.module}.py",
            ]
        else:
            start = [sys.executable, "-m", f"benchmarks.contenders.{self.module}"]
        way = ["--way", self.way] if self.way else []
        return [*start, "--url", url, "--session", session, "--rows", str(rows), *way]


CONTENDERS: Final = {
    STATIC: Contender("route without authentication", "static_app", database=False),
    JOIN: Contender("by hand, one join (H)", "handwritten", "join"),
    "two": Contender("by hand, two selects", "handwritten", "two"),
    FASTAPI_USERS: Contender("fastapi-users, database strategy (F)", "fastapi_users_app", alone=True),
    "user": Contender("belgie auth.user", "belgie_app", "user"),
    "identity": Contender("belgie auth.identity", "belgie_app", "identity"),
    "cached": Contender("belgie auth.identity, cookie cache", "belgie_app", "cached"),
}
