# ruff: noqa: PT012 - what is tested is the end of a block, so the block has to be inside
import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import InvalidRequestError

from proto import AdapterError, ConflictError, InvalidValueError

SOON = datetime(2030, 1, 1, tzinfo=UTC)


async def count(db: Any, model: Any) -> int:
    return await db.scalar(select(func.count()).select_from(model))


async def test_a_block_commits_once_at_its_end(adapter: Any, db: Any, other_db: Any, statement_log: Any) -> None:
    async with adapter.transaction(db):
        user = await adapter.create_user(db, "eve@example.com")
        await adapter.create_account(db, user.id, "op", "1")
        await adapter.update_user(db, user.id, name="Eve")
        await adapter.create_session(db, user.id, SOON)
        assert statement_log.commits == 0
    assert statement_log.commits == 1
    assert (await adapter.get_user_by_email(other_db, "eve@example.com")).name == "Eve"


async def test_a_call_inside_sees_what_the_block_has_written(adapter: Any, db: Any) -> None:
    async with adapter.transaction(db):
        user = await adapter.create_user(db, "eve@example.com")
        assert await adapter.get_user_by_email(db, "eve@example.com") is user


async def test_a_block_gives_the_session(adapter: Any, db: Any) -> None:
    async with adapter.transaction(db) as session:
        assert session is db


async def test_an_exception_undoes_everything_and_goes_on_unchanged(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            await adapter.delete_session(db, rows.session.id)
            await adapter.delete_oauth_state(db, "state")
            raise ZeroDivisionError
    assert await adapter.get_user_by_email(other_db, "eve@example.com") is None
    assert (await adapter.get_session(other_db, rows.session.id)).id == rows.session.id
    assert (await adapter.get_oauth_state(other_db, "state")).state == "state"


async def test_the_session_goes_on_after_an_exception(adapter: Any, db: Any, other_db: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            raise ZeroDivisionError
    user = await adapter.create_user(db, "eve@example.com")
    assert (await adapter.get_user_by_id(other_db, user.id)).email == "eve@example.com"


async def test_only_the_outermost_block_commits(adapter: Any, db: Any, statement_log: Any) -> None:
    async with adapter.transaction(db):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            async with adapter.transaction(db):
                await adapter.create_user(db, "bob@example.com")
        assert statement_log.commits == 0
    assert statement_log.commits == 1


async def test_an_exception_of_an_inner_block_undoes_the_outer_one_too(adapter: Any, db: Any, other_db: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            async with adapter.transaction(db):
                await adapter.create_user(db, "bob@example.com")
                raise ZeroDivisionError
    assert await count(other_db, adapter.user) == 0


async def test_catching_an_inner_blocks_exception_does_not_commit_half(adapter: Any, db: Any, other_db: Any) -> None:
    with pytest.raises(AdapterError, match="undone by an earlier error"):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            with pytest.raises(ZeroDivisionError):
                async with adapter.transaction(db):
                    raise ZeroDivisionError
    assert await count(other_db, adapter.user) == 0


async def test_a_conflict_undoes_the_whole_block(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    with pytest.raises(ConflictError):
        async with adapter.transaction(db):
            user = await adapter.create_user(db, "eve@example.com")
            await adapter.create_account(db, user.id, "op", rows.account.provider_account_id)
    assert await adapter.get_user_by_email(other_db, "eve@example.com") is None


@pytest.mark.usefixtures("rows")
async def test_a_conflict_that_is_caught_inside_leaves_no_way_on_in_the_block(
    adapter: Any, db: Any, other_db: Any
) -> None:
    with pytest.raises(AdapterError, match="undone by an earlier error"):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            with pytest.raises(ConflictError):
                await adapter.create_user(db, "ada@example.com")
            for call in (
                adapter.create_user(db, "bob@example.com"),
                adapter.get_user_by_email(db, "ada@example.com"),
                adapter.delete_oauth_state(db, "state"),
                adapter.list_sessions(db, (await anyone(other_db, adapter)).id),
            ):
                with pytest.raises(AdapterError, match="leave its block, then try again"):
                    await call
            with pytest.raises(AdapterError, match="undone"):
                async with adapter.transaction(db):
                    pytest.fail("a new block inside an undone one was entered")
    assert await count(other_db, adapter.user) == 1
    assert (await adapter.create_user(db, "bob@example.com")).email == "bob@example.com"


async def anyone(db: Any, adapter: Any) -> Any:
    return (await db.scalars(select(adapter.user))).first()


async def test_a_value_that_is_refused_before_any_sql_leaves_the_block_going(
    adapter: Any, db: Any, other_db: Any
) -> None:
    async with adapter.transaction(db):
        user = await adapter.create_user(db, "eve@example.com")
        with pytest.raises(InvalidValueError):
            await adapter.update_user(db, user.id, name="\0")
        with pytest.raises(TypeError):
            await adapter.update_user(db, user.id, nmae="Eve")
    assert (await adapter.get_user_by_email(other_db, "eve@example.com")).id == user.id


async def test_a_block_on_one_session_is_none_of_another_sessions_business(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    held = await adapter.get_session(db, rows.session.id)
    await db.commit()
    async with adapter.transaction(db):
        changed = await adapter.update_session(other_db, rows.session.id, user_agent="other")
        assert changed.user_agent == "other"
        assert (await adapter.get_session(db, rows.session.id)) is held
    assert held.user_agent == "other"


async def test_the_applications_own_rows_are_part_of_the_block(adapter: Any, db: Any, other_db: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            db.add(adapter.oauth_state(**pending("own")))
            await db.flush()
            raise ZeroDivisionError
    assert await count(other_db, adapter.oauth_state) == 0
    async with adapter.transaction(db):
        db.add(adapter.oauth_state(**pending("own")))
    assert await count(other_db, adapter.oauth_state) == 1


def pending(state: str) -> dict[str, Any]:
    return {"state": state, "expires_at": SOON, "code_verifier": None, "redirect_url": None}


async def test_a_conflict_at_the_commit_is_told_and_writes_nothing(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    with pytest.raises(ConflictError):
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            # flushed by the commit, not by a call of the adapter
            db.add(adapter.oauth_state(**pending(rows.state.state)))
    assert await adapter.get_user_by_email(other_db, "eve@example.com") is None
    assert (await adapter.create_user(db, "eve@example.com")).email == "eve@example.com"


async def test_a_cancelled_task_leaves_nothing_behind(adapter: Any, db: Any, other_db: Any) -> None:
    async def sign_up() -> None:
        async with adapter.transaction(db):
            await adapter.create_user(db, "eve@example.com")
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await sign_up()
    assert await count(other_db, adapter.user) == 0
    user = await adapter.create_user(db, "eve@example.com", name="again")
    assert (await adapter.get_user_by_id(other_db, user.id)).name == "again"


async def test_a_deleted_user_is_back_when_the_block_fails(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            assert await adapter.delete_user(db, rows.user.id) is True
            assert await adapter.get_session_and_user(db, rows.session.id) is None
            raise ZeroDivisionError
    session, user = await adapter.get_session_and_user(other_db, rows.session.id)
    assert (session.id, user.id) == (rows.session.id, rows.user.id)
    assert (await adapter.get_account(other_db, "op", "subject")).id == rows.account.id


async def test_an_extension_is_undone_with_the_block(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    expiry = rows.session.expires_at
    with pytest.raises(ZeroDivisionError):
        async with adapter.transaction(db):
            assert await adapter.extend_session(db, rows.session.id, expiry + timedelta(hours=1), previous=expiry)
            raise ZeroDivisionError
    assert (await adapter.get_session(other_db, rows.session.id)).expires_at == expiry


async def test_a_transaction_that_the_application_began_is_committed_by_its_end(
    adapter: Any, db: Any, other_db: Any, statement_log: Any
) -> None:
    async with db.begin():
        user = await adapter.create_user(db, "eve@example.com")
        async with adapter.transaction(db):
            await adapter.create_account(db, user.id, "op", "1")
        await adapter.update_user(db, user.id, name="Eve")
        await adapter.delete_oauth_state(db, "state")
        assert statement_log.commits == 0
    assert statement_log.commits == 1
    assert (await adapter.get_user_by_email(other_db, "eve@example.com")).name == "Eve"
    await adapter.create_user(db, "bob@example.com")
    assert statement_log.commits == 2


async def test_the_runtimes_transaction_is_one_too(adapter: Any, other_db: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        async with adapter.db_runtime.transaction() as db:
            await adapter.create_user(db, "eve@example.com")
            await adapter.create_user(db, "bob@example.com")
            raise ZeroDivisionError
    assert await count(other_db, adapter.user) == 0
    async with adapter.db_runtime.transaction() as db:
        await adapter.create_user(db, "eve@example.com")
        await adapter.create_user(db, "bob@example.com")
    assert await count(other_db, adapter.user) == 2


@pytest.mark.usefixtures("rows")
async def test_a_conflict_in_the_applications_transaction_writes_nothing_even_if_it_is_caught(
    adapter: Any, db: Any, other_db: Any
) -> None:
    async with db.begin():
        await adapter.create_user(db, "eve@example.com")
        with pytest.raises(ConflictError):
            await adapter.create_user(db, "ada@example.com")
        with pytest.raises(InvalidRequestError, match="closed transaction"):
            await adapter.create_user(db, "bob@example.com")
    assert await count(other_db, adapter.user) == 1


@pytest.mark.usefixtures("rows")
async def test_a_conflict_in_a_savepoint_of_the_application_undoes_the_savepoint_only(
    adapter: Any, db: Any, other_db: Any, statement_log: Any
) -> None:
    async with db.begin():
        await adapter.create_user(db, "eve@example.com")
        with pytest.raises(ConflictError):
            async with db.begin_nested():
                await adapter.create_user(db, "lost@example.com")
                await adapter.create_user(db, "ada@example.com")
        await adapter.create_user(db, "bob@example.com")
        assert statement_log.commits == 0
    addresses = await other_db.scalars(select(adapter.user.email).order_by(adapter.user.email))
    assert addresses.all() == ["ada@example.com", "bob@example.com", "eve@example.com"]
