# ruff: noqa: PT012 - what is tested is the end of a block, so the block has to be inside
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from proto import AdapterError


def in_hours(hours: float) -> datetime:
    return datetime.now(UTC) + timedelta(hours=hours)


async def test_a_new_session_is_permanent_with_what_it_was_made_from(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    expiry = in_hours(1)
    session = await adapter.create_session(db, rows.user.id, expiry, "2001:db8::1", "curl/8")
    found = await adapter.get_session(other_db, session.id)
    assert (found.user_id, found.expires_at, found.ip_address, found.user_agent) == (
        rows.user.id,
        expiry,
        "2001:db8::1",
        "curl/8",
    )


async def test_a_session_has_a_random_id_of_its_own(adapter: Any, db: Any, rows: Any) -> None:
    ids = {(await adapter.create_session(db, rows.user.id, in_hours(1))).id for _ in range(20)}
    assert len(ids) == 20
    assert {each.version for each in ids} == {4}


async def test_an_expiry_in_another_zone_is_the_same_moment(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    expiry = in_hours(1)
    elsewhere = expiry.astimezone(timezone(-timedelta(hours=9, minutes=30)))
    session = await adapter.create_session(db, rows.user.id, elsewhere)
    found = await adapter.get_session(other_db, session.id)
    assert (found.expires_at, found.expires_at.utcoffset()) == (expiry, timedelta(0))


async def test_a_long_user_agent_is_cut_and_never_an_error(adapter: Any, db: Any, rows: Any) -> None:
    session = await adapter.create_session(db, rows.user.id, in_hours(1), None, "é" * 100_000)
    length = adapter.session.user_agent.type.length
    assert session.user_agent == "é" * length
    assert (await adapter.update_session(db, session.id, user_agent="x" * 100_000)).user_agent == "x" * length


async def test_a_session_of_nobody_is_an_error_and_the_db_session_goes_on(adapter: Any, db: Any, rows: Any) -> None:
    with pytest.raises(AdapterError, match="does not exist"):
        await adapter.create_session(db, uuid4(), in_hours(1))
    assert (await adapter.get_session(db, rows.session.id)).id == rows.session.id


async def test_an_expired_session_is_still_found(adapter: Any, db: Any, rows: Any) -> None:
    session = await adapter.create_session(db, rows.user.id, in_hours(-1))
    assert (await adapter.get_session(db, session.id)).id == session.id
    assert (await adapter.get_session_and_user(db, session.id))[0].id == session.id


async def test_a_session_comes_with_its_user(adapter: Any, db: Any, rows: Any) -> None:
    session, user = await adapter.get_session_and_user(db, rows.session.id)
    assert (session.id, user.id) == (rows.session.id, rows.user.id)


async def test_no_session_is_none(adapter: Any, db: Any) -> None:
    session_id = uuid4()
    assert await adapter.get_session(db, session_id) is None
    assert await adapter.get_session_and_user(db, session_id) is None
    assert await adapter.update_session(db, session_id, user_agent="x") is None
    assert await adapter.update_session(db, session_id) is None
    assert await adapter.extend_session(db, session_id, in_hours(2), previous=in_hours(1)) is False
    assert await adapter.delete_session(db, session_id) is False


async def test_scopes_that_were_taken_away_are_gone_at_the_next_look(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    await adapter.update_user(db, rows.user.id, scopes=["admin"])
    _, user = await adapter.get_session_and_user(db, rows.session.id)
    await db.commit()
    await adapter.update_user(other_db, rows.user.id, scopes=[])
    _, again = await adapter.get_session_and_user(db, rows.session.id)
    assert again is user
    assert again.scopes == []


async def test_an_update_changes_the_session_and_what_holds_it(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    held = await adapter.get_session(db, rows.session.id)
    expiry = in_hours(5)
    assert await adapter.update_session(db, rows.session.id, expires_at=expiry, ip_address=None) is held
    assert (held.expires_at, held.ip_address, held.user_agent) == (expiry, None, "browser")
    found = await adapter.get_session(other_db, rows.session.id)
    assert (found.expires_at, found.ip_address) == (expiry, None)
    assert (await adapter.update_session(db, rows.session.id)).id == rows.session.id


async def test_a_session_cannot_be_given_to_someone_else(adapter: Any, db: Any, rows: Any, statement_log: Any) -> None:
    for field in ("id", "user_id", "created_at", "updated_at", "scopes", "expires"):
        with pytest.raises(TypeError, match=r"update_session\(\).*allowed are expires_at, ip_address, user_agent"):
            await adapter.update_session(db, rows.session.id, **{field: uuid4()})
    assert statement_log.statements == []


async def test_an_update_never_brings_back_a_deleted_session(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    held = await adapter.get_session(db, rows.session.id)
    await db.commit()
    assert await adapter.delete_session(other_db, rows.session.id) is True
    expiry = held.expires_at
    assert await adapter.update_session(db, rows.session.id, expires_at=in_hours(9)) is None
    assert await adapter.extend_session(db, rows.session.id, in_hours(9), previous=expiry) is False
    assert await adapter.get_session(other_db, rows.session.id) is None


async def test_an_extension_counts_from_the_expiry_that_it_was_decided_on(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    held = await adapter.get_session(db, rows.session.id)
    first, second = in_hours(2), in_hours(3)
    previous = held.expires_at
    assert await adapter.extend_session(db, rows.session.id, first, previous=previous) is True
    assert held.expires_at == first
    assert await adapter.extend_session(db, rows.session.id, second, previous=previous) is False
    assert (await adapter.get_session(other_db, rows.session.id)).expires_at == first


async def test_sessions_are_listed_newest_first_without_the_expired_and_others(
    adapter: Any, db: Any, rows: Any
) -> None:
    newer = [await adapter.create_session(db, rows.user.id, in_hours(hours)) for hours in (3, 2)]
    await adapter.create_session(db, rows.user.id, in_hours(-1))
    other = await adapter.create_user(db, "eve@example.com")
    await adapter.create_session(db, other.id, in_hours(1))
    listed = [session.id for session in await adapter.list_sessions(db, rows.user.id)]
    assert listed == [newer[1].id, newer[0].id, rows.session.id]
    assert await adapter.list_sessions(db, uuid4()) == []


async def test_a_session_is_deleted_once(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    assert await adapter.delete_session(db, rows.session.id) is True
    assert await adapter.delete_session(db, rows.session.id) is False
    assert await adapter.get_session_and_user(other_db, rows.session.id) is None


async def test_all_sessions_of_a_user_end_but_the_one_that_is_kept(
    adapter: Any, db: Any, other_db: Any, rows: Any
) -> None:
    mine = [await adapter.create_session(db, rows.user.id, in_hours(1)) for _ in range(3)]
    other = await adapter.create_user(db, "eve@example.com")
    foreign = await adapter.create_session(db, other.id, in_hours(1))
    assert await adapter.delete_sessions(db, rows.user.id, keep=mine[1].id) == 3
    assert [session.id for session in await adapter.list_sessions(other_db, rows.user.id)] == [mine[1].id]
    assert await adapter.delete_sessions(db, rows.user.id, keep=foreign.id) == 1
    assert await adapter.delete_sessions(db, rows.user.id) == 0
    assert (await adapter.get_session(other_db, foreign.id)).id == foreign.id


@pytest.mark.parametrize("expired", [0, 9, 10, 25])
async def test_expired_sessions_are_purged_in_batches_and_counted(
    adapter: Any, db: Any, rows: Any, statement_log: Any, expired: int
) -> None:
    async with adapter.transaction(db):
        for _ in range(expired):
            await adapter.create_session(db, rows.user.id, in_hours(-1))
    before = statement_log.commits
    assert await adapter.delete_expired_sessions(db) == expired
    deletes = [statement for statement in statement_log.statements if statement == "DELETE"]
    assert len(deletes) == statement_log.commits - before == expired // 10 + 1
    remaining = await db.scalars(select(adapter.session.id))
    assert remaining.all() == [rows.session.id]


async def test_a_purge_inside_a_transaction_commits_with_it(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    for _ in range(12):
        await adapter.create_session(db, rows.user.id, in_hours(-1))
    with pytest.raises(KeyError):
        async with adapter.transaction(db):
            assert await adapter.delete_expired_sessions(db) == 12
            raise KeyError
    assert await other_db.scalar(select(func.count()).select_from(adapter.session)) == 13


async def test_a_session_expires_at_the_moment_and_not_before(adapter: Any, db: Any, rows: Any) -> None:
    expiry = datetime.now(UTC) + timedelta(seconds=30)
    kept = await adapter.create_session(db, rows.user.id, expiry.astimezone(timezone(timedelta(hours=12))))
    gone = await adapter.create_session(
        db, rows.user.id, (datetime.now(UTC) - timedelta(milliseconds=1)).astimezone(timezone(timedelta(hours=12)))
    )
    assert await adapter.delete_expired_sessions(db) == 1
    assert await adapter.get_session(db, gone.id) is None
    assert (await adapter.get_session(db, kept.id)).expires_at == expiry
