"""`belgie db purge`."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from typing import Any

import typer
from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from belgie.alchemy.adapter import AlchemyAdapter
from belgie.alchemy.settings import DatabaseSettings

type Adapter = AlchemyAdapter[Any, Any, Any, Any]


async def purge(adapter: Adapter, batch: int | None) -> None:
    """Delete what has expired and print how much that was, also when it ends early.

    Args:
        adapter: the application's; if it was made without a database, the environment says which.
        batch: rows a statement, or None for what the adapter was made with.
    """
    if batch is not None:
        adapter = _in_batches(adapter, batch)
    runtime = DatabaseSettings().runtime if adapter.db is None else adapter.db_runtime
    done: list[str] = []
    try:
        async with runtime, runtime.session() as db:
            expired = await _count(adapter, db) if sys.stderr.isatty() else 0
            with _bar(expired) as report, _deletions(runtime.engine, report):
                done.append(f"expired sessions deleted: {await adapter.delete_expired_sessions(db)}")
                done.append(f"expired sign-ins deleted: {await adapter.delete_expired_oauth_states(db)}")
    finally:
        for line in done:
            typer.echo(line)


def _in_batches(adapter: Adapter, rows: int) -> Adapter:
    changed = copy(adapter)
    changed.purge_batch = rows
    return changed


async def _count(adapter: Adapter, db: AsyncSession) -> int:
    now = datetime.now(UTC)
    total = 0
    for model in (adapter.session, adapter.oauth_state):
        total += await db.scalar(select(func.count()).select_from(model).where(model.expires_at <= now)) or 0
    return total


@contextmanager
def _bar(expired: int) -> Generator[Callable[[int], object]]:
    """Show how far it is, on a terminal; what is printed elsewhere is for programs."""
    if not expired:
        yield lambda _rows: None
        return
    with typer.progressbar(length=expired, label="deleting", file=sys.stderr) as bar:
        yield bar.update


@contextmanager
def _deletions(engine: AsyncEngine, report: Callable[[int], object]) -> Generator[None]:
    """Report the rows of every DELETE: the adapter itself tells when all of them are done."""

    def executed(_connection: Any, cursor: Any, _text: Any, _parameters: Any, context: Any, _many: Any) -> None:
        if context.isdelete and cursor.rowcount > 0:
            report(cursor.rowcount)

    event.listen(engine.sync_engine, "after_cursor_execute", executed)
    try:
        yield
    finally:
        event.remove(engine.sync_engine, "after_cursor_execute", executed)
