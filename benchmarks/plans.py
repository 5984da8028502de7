"""What the statements of one table size cost, and how the database goes about them."""

import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from benchmarks.figures import Sample
from benchmarks.rows import some
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

from belgie import AlchemyAdapter, DatabaseRuntime

_LOOK_UPS: Final = 1_000
_BATCH: Final = 1_000
_EXPLAIN: Final = {"postgres": "EXPLAIN (COSTS OFF) ", "sqlite": "EXPLAIN QUERY PLAN "}
_EXPIRE: Final = {
    "postgres": "UPDATE sessions SET expires_at = $1 WHERE id IN (SELECT id FROM sessions ORDER BY id LIMIT $2::int)",
    "sqlite": "UPDATE sessions SET expires_at = ?1 WHERE id IN (SELECT id FROM sessions ORDER BY id LIMIT ?2)",
}


@dataclass(frozen=True, slots=True)
class SizeCost:
    """Microseconds of a look-up (on the clock, and of the processor), milliseconds of a purge, and the plans."""

    sessions: int
    user: Sample
    identity: Sample
    user_cpu: float
    identity_cpu: float
    purge: float
    plans: dict[str, list[str]]


async def cost_at(runtime: DatabaseRuntime, sessions: int) -> SizeCost:
    """Measure look-ups of sessions from all over the table, and the purge of one batch of expired ones."""
    adapter = AlchemyAdapter(
        user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime, purge_batch=_BATCH
    )
    open_session = asynccontextmanager(runtime.dependency)
    ids = [known.session_id for known in await some(runtime, _LOOK_UPS)]
    ids *= _LOOK_UPS // len(ids)

    async def with_user(session_id: UUID) -> object:
        async with open_session() as session:
            return await adapter.get_session_and_user(session, session_id)

    user, user_cpu = await _time(with_user, ids)
    identity, identity_cpu = await _time(adapter.get_identity, ids)
    statements: dict[str, tuple[str, Any]] = {}
    with _Listening(runtime, statements):
        await with_user(ids[0])
        async with runtime.session() as session:
            purge = await _purge(adapter, session, runtime.settings.type, min(_BATCH - 1, sessions))
    plans = {title: await _plan(runtime, *statement) for title, statement in statements.items()}
    return SizeCost(sessions, user, identity, user_cpu, identity_cpu, purge, plans)


async def _time(look_up: Callable[[UUID], Awaitable[object]], ids: list[UUID]) -> tuple[Sample, float]:
    for session_id in ids[: len(ids) // 5]:  # the caches of statements, and the pool
        await look_up(session_id)
    taken: list[float] = []
    used = time.process_time()
    for session_id in ids:
        start = time.perf_counter()
        if await look_up(session_id) is None:
            msg = "a session that is there was not found"
            raise RuntimeError(msg)
        taken.append((time.perf_counter() - start) * 1e6)
    return Sample.of(taken), (time.process_time() - used) / len(ids) * 1e6


async def _purge(adapter: AlchemyAdapter[Any, Any, Any, Any], session: AsyncSession, kind: str, expired: int) -> float:
    """Let sessions expire, less than a batch, purge them, and return the milliseconds of the purge."""
    passed = datetime.now(UTC) - timedelta(hours=1)
    moment = passed if kind == "postgres" else passed.replace(tzinfo=None).isoformat(" ", "microseconds")
    connection = await session.connection()
    await connection.exec_driver_sql(_EXPIRE[kind], (moment, expired))
    await session.commit()
    start = time.perf_counter()
    purged = await adapter.delete_expired_sessions(session)
    taken = (time.perf_counter() - start) * 1e3
    if purged != expired:
        msg = f"the purge removed {purged} rows, not {expired}"
        raise RuntimeError(msg)
    return taken


class _Listening:
    """Notes the statement of the look-up and that of the purge while the block runs."""

    def __init__(self, runtime: DatabaseRuntime, statements: dict[str, tuple[str, Any]]) -> None:
        self._engine = runtime.engine.sync_engine
        self._statements = statements

    def __enter__(self) -> None:
        event.listen(self._engine, "before_cursor_execute", self._note)

    def __exit__(self, *_error: object) -> None:
        event.remove(self._engine, "before_cursor_execute", self._note)

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        for verb, title in (("SELECT", "look-up"), ("DELETE", "one batch of the purge")):
            if statement.startswith(verb):
                self._statements.setdefault(title, (statement, parameters))


async def _plan(runtime: DatabaseRuntime, statement: str, parameters: Any) -> list[str]:
    kind = runtime.settings.type
    async with runtime.engine.connect() as connection:
        rows = await connection.exec_driver_sql(_EXPLAIN[kind] + statement, parameters)
        return [str(row[-1]) for row in rows]
