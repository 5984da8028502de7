"""What the database decides when many ask at once."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from proto import ConflictError

CALLERS = 30


async def at_once(adapter: Any, call: Callable[[Any], Awaitable[Any]], callers: int = CALLERS) -> Counter[Any]:
    """Count the outcomes of parallel calls, each on a session of its own; a conflict counts as its class."""
    start = asyncio.Event()

    async def one() -> Any:
        async with adapter.db_runtime.session_maker() as db:
            await start.wait()
            try:
                return await call(db)
            except ConflictError:
                return ConflictError

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one()) for _ in range(callers)]
        start.set()
    return Counter(task.result() for task in tasks)


async def test_a_state_is_consumed_by_exactly_one_caller(adapter: Any, rows: Any) -> None:
    async def read_and_delete(db: Any) -> Any:
        found = await adapter.get_oauth_state(db, rows.state.state)
        deleted = await adapter.delete_oauth_state(db, rows.state.state)
        assert found is not None or not deleted
        return deleted

    assert await at_once(adapter, read_and_delete) == {True: 1, False: CALLERS - 1}


async def test_a_due_session_is_extended_by_exactly_one_caller(adapter: Any, rows: Any) -> None:
    expiry, later = rows.session.expires_at, rows.session.expires_at + timedelta(days=7)
    outcomes = await at_once(adapter, lambda db: adapter.extend_session(db, rows.session.id, later, previous=expiry))
    assert outcomes == {True: 1, False: CALLERS - 1}


async def test_of_many_sign_ups_with_one_address_one_wins(adapter: Any, db: Any) -> None:
    async def sign_up(session: Any) -> Any:
        await adapter.create_user(session, "eve@example.com")
        return "created"

    assert await at_once(adapter, sign_up, 10) == {"created": 1, ConflictError: 9}
    assert await db.scalar(select(func.count()).select_from(adapter.user)) == 1


async def test_of_many_callbacks_for_one_new_account_one_makes_a_user(adapter: Any, db: Any) -> None:
    numbers = iter(range(10))

    async def sign_up(session: Any) -> Any:
        async with adapter.transaction(session):
            user = await adapter.create_user(session, f"eve{next(numbers)}@example.com")
            await adapter.create_account(session, user.id, "op", "new subject")
        return "created"

    assert await at_once(adapter, sign_up, 10) == {"created": 1, ConflictError: 9}
    assert await db.scalar(select(func.count()).select_from(adapter.user)) == 1


async def test_a_session_is_deleted_by_exactly_one_caller(adapter: Any, rows: Any) -> None:
    outcomes = await at_once(adapter, lambda db: adapter.delete_session(db, rows.session.id))
    assert outcomes == {True: 1, False: CALLERS - 1}


async def test_parallel_purges_count_every_row_once(adapter: Any, db: Any, rows: Any) -> None:
    async with adapter.transaction(db):
        for _ in range(95):
            await adapter.create_session(db, rows.user.id, datetime.now(UTC) - timedelta(hours=1))
    outcomes = await at_once(adapter, adapter.delete_expired_sessions, 4)
    counted = sum(count * callers for count, callers in outcomes.items())
    # a purge leaves rows that another one holds to that one, which may have ended before: the next finds them
    assert counted + await adapter.delete_expired_sessions(db) == 95
    assert (await adapter.get_session(db, rows.session.id)).id == rows.session.id


async def test_a_purge_waits_for_nobody_and_leaves_a_session_that_is_being_extended(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    old = datetime.now(UTC) - timedelta(hours=1)
    extended = await adapter.create_session(db, rows.user.id, old)
    await adapter.create_session(db, rows.user.id, old)
    if adapter.db_runtime.engine.dialect.name != "postgresql":
        # SQLite has one writer at a time: there is no row to be skipped
        assert await adapter.delete_expired_sessions(other_db) == 2
        return
    async with adapter.transaction(db):
        later = datetime.now(UTC) + timedelta(hours=1)
        assert await adapter.extend_session(db, extended.id, later, previous=old)
        async with asyncio.timeout(5):
            assert await adapter.delete_expired_sessions(other_db) == 1
    assert (await adapter.get_session(other_db, extended.id)).expires_at == later
