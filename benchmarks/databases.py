"""The databases that contenders ask: an SQLite file and a real PostgreSQL, filled with the same rows."""

import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.postgres import postgres_server

from belgie import DatabaseRuntime, DatabaseSettings

KINDS: Final = ("sqlite", "postgres")


@dataclass(frozen=True, slots=True)
class Database:
    """One database, its runtime here, and its URL for SQLAlchemy elsewhere."""

    kind: str
    url: str
    runtime: DatabaseRuntime


@asynccontextmanager
async def database(kind: str) -> AsyncGenerator[Database]:
    """Make an empty database, and remove it after the block."""
    with ExitStack() as stack:
        if kind == "postgres":
            url = stack.enter_context(postgres_server()).replace("postgresql:", "postgresql+asyncpg:", 1)
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url = f"sqlite+aiosqlite:///{folder / 'benchmark.db'}"
        async with DatabaseRuntime(DatabaseSettings.from_url(url)) as runtime:
            yield Database(kind, url, runtime)
