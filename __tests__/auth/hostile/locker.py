"""A second process that holds the write lock of an SQLite database."""

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

_PROGRAM = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE IF NOT EXISTS lock_of_another_process (x)")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("ROLLBACK")
"""


@asynccontextmanager
async def write_locked(path: str, seconds: float) -> AsyncGenerator[None]:
    """Hold the lock from here on for so many seconds, or until the block is left if that is sooner."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, path, str(seconds), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"locked\n"
    try:
        yield
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
