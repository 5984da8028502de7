# ruff: noqa: PT012 - what is tested is the end of a block, so the block has to be inside
"""After an error: what it says, what it hides, what is left, and that the session goes on."""

import asyncio
import traceback
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import event, func, select, text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from belgie.alchemy import AlchemyAdapter
from proto import ConflictError, UnavailableError

SOON = datetime(2030, 1, 1, tzinfo=UTC)
CANARY = "canary@example.com"


async def count(db: Any, model: Any) -> int:
    return await db.scalar(select(func.count()).select_from(model))


def told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)) + repr(error)


@pytest.fixture
async def echoing(adapter: Any) -> Any:
    """A session on an engine that the application made itself, which hides nothing and logs everything."""
    engine = create_async_engine(adapter.db_runtime.engine.url, echo=False)
    if adapter.db_runtime.settings.type == "sqlite" and adapter.db_runtime.settings.database == ":memory:":
        engine = adapter.db_runtime.engine
    async with async_sessionmaker(engine)() as session:
        yield session
    await engine.dispose()


@pytest.mark.usefixtures("rows")
async def test_no_value_is_in_an_error_or_its_traceback(adapter: Any, echoing: Any, rows: Any) -> None:
    await adapter.create_user(echoing, CANARY)
    calls = [
        lambda: adapter.create_user(echoing, CANARY, "canary name"),
        lambda: adapter.update_user(echoing, rows.user.id, email=CANARY, name="canary name"),
        lambda: adapter.create_account(echoing, rows.user.id, "op", "canary subject", access_token="canary token"),
        lambda: adapter.create_oauth_state(echoing, "state", SOON, "canary verifier"),
    ]
    for call in calls:
        with pytest.raises(ConflictError) as caught:
            await call()
        assert "canary" not in told(caught.value)
        assert caught.value.__cause__ is not None


async def test_no_value_is_in_the_error_of_a_missing_table(adapter: Any, echoing: Any, models: Any) -> None:
    await adapter.db_runtime.drop_all(models.metadata)
    with pytest.raises(UnavailableError) as caught:
        await adapter.get_user_by_email(echoing, CANARY)
    assert "canary" not in told(caught.value)
    with pytest.raises(UnavailableError) as caught:
        await adapter.create_user(echoing, CANARY)
    assert "canary" not in told(caught.value)


@pytest.mark.parametrize("failing", ["create_user", "update_user", "create_account", "create_oauth_state"])
async def test_after_a_conflict_the_session_reads_and_writes(
    adapter: Any, db: Any, other_db: Any, rows: Any, failing: str
) -> None:
    eve = (await adapter.create_user(db, "eve@example.com")).id
    calls = {
        "create_user": lambda: adapter.create_user(db, "ada@example.com"),
        "update_user": lambda: adapter.update_user(db, eve, email="ada@example.com"),
        "create_account": lambda: adapter.create_account(db, eve, "op", "subject"),
        "create_oauth_state": lambda: adapter.create_oauth_state(db, "state", SOON),
    }
    with pytest.raises(ConflictError):
        await calls[failing]()
    assert (await adapter.get_user_by_id(db, eve)).email == "eve@example.com"
    await adapter.update_user(db, rows.user.id, name="Countess")
    assert (await adapter.get_user_by_id(other_db, rows.user.id)).name == "Countess"
    assert await count(other_db, adapter.user) == 2


async def test_after_a_conflict_nothing_of_the_failed_call_is_written_later(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    with pytest.raises(ConflictError):
        await adapter.create_account(db, rows.user.id, "op", "another subject")
    await adapter.create_oauth_state(db, "other", SOON)
    assert await count(other_db, adapter.account) == 1


async def test_a_commit_that_fails_is_an_error_and_nothing_is_written(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    def fail(_session: Any) -> None:
        raise ConnectionResetError("canary")

    event.listen(db.sync_session, "before_commit", fail)
    with pytest.raises(UnavailableError) as caught:
        await adapter.create_user(db, "eve@example.com")
    with pytest.raises(UnavailableError):
        await adapter.delete_session(db, rows.session.id)
    event.remove(db.sync_session, "before_commit", fail)
    assert "canary" not in str(caught.value)
    assert await adapter.get_user_by_email(other_db, "eve@example.com") is None
    assert (await adapter.get_session(other_db, rows.session.id)).id == rows.session.id
    assert (await adapter.create_user(db, "eve@example.com")).email == "eve@example.com"


async def test_an_error_of_the_program_goes_on_unchanged_and_is_rolled_back(
    adapter: Any, db: Any, other_db: Any
) -> None:
    def fail(_session: Any, _context: Any, _instances: Any) -> None:
        raise ZeroDivisionError

    event.listen(db.sync_session, "before_flush", fail)
    with pytest.raises(ZeroDivisionError):
        await adapter.create_user(db, "eve@example.com")
    event.remove(db.sync_session, "before_flush", fail)
    assert await adapter.get_user_by_email(db, "eve@example.com") is None
    assert await count(other_db, adapter.user) == 0


async def test_a_connection_that_the_server_ends_is_unavailable_and_the_session_goes_on(
    models: Any, postgres_settings: Any
) -> None:
    async with postgres_settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter: Any = AlchemyAdapter(
            user=models.user, account=models.account, session=models.session, oauth_state=models.oauth_state, db=runtime
        )
        async with runtime.session_maker() as db, runtime.session_maker() as killer:
            for inside in (False, True):
                await adapter.get_user_by_email(db, "ada@example.com")
                pid = await db.scalar(select(func.pg_backend_pid()))
                await killer.execute(select(func.pg_terminate_backend(pid, 5000)))
                await killer.commit()
                with pytest.raises(UnavailableError):
                    await (in_block(adapter, db) if inside else adapter.create_user(db, CANARY))
                assert await adapter.get_user_by_email(db, CANARY) is None
                await db.rollback()
            assert (await adapter.create_user(db, CANARY)).email == CANARY


async def in_block(adapter: Any, db: Any) -> None:
    async with adapter.transaction(db):
        await adapter.create_user(db, CANARY)


async def test_a_block_whose_connection_is_lost_before_its_own_error_tells_that_error(
    models: Any, postgres_settings: Any
) -> None:
    async with postgres_settings.runtime as runtime:
        await runtime.create_all(models.metadata)
        adapter: Any = AlchemyAdapter(
            user=models.user, account=models.account, session=models.session, oauth_state=models.oauth_state, db=runtime
        )
        async with runtime.session_maker() as db, runtime.session_maker() as killer:
            with pytest.raises(ZeroDivisionError):
                async with adapter.transaction(db):
                    await adapter.create_user(db, CANARY)
                    pid = await db.scalar(select(func.pg_backend_pid()))
                    await killer.execute(select(func.pg_terminate_backend(pid, 5000)))
                    raise ZeroDivisionError
            assert await adapter.get_user_by_email(db, CANARY) is None


async def test_a_write_that_waits_too_long_for_a_lock_is_unavailable(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    if adapter.db_runtime.settings.type == "postgres":
        await db.execute(text("SET lock_timeout = '200ms'"))
    else:
        await db.execute(text("PRAGMA busy_timeout = 200"))
    async with adapter.transaction(other_db):
        await adapter.update_session(other_db, rows.session.id, user_agent="other")
        with pytest.raises(UnavailableError):
            async with asyncio.timeout(30):
                await adapter.update_session(db, rows.session.id, user_agent="mine")
    assert (await adapter.get_session(db, rows.session.id)).user_agent == "other"
