from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from proto import ConflictError


def in_minutes(minutes: float) -> datetime:
    return datetime.now(UTC) + timedelta(minutes=minutes)


async def test_a_new_state_is_permanent(adapter: Any, db: Any, other_db: Any) -> None:
    expiry = in_minutes(10)
    state = await adapter.create_oauth_state(db, "digest", expiry, "verifier", "/after")
    found = await adapter.get_oauth_state(other_db, "digest")
    assert (found.id, found.state, found.expires_at, found.code_verifier, found.redirect_url) == (
        state.id,
        "digest",
        expiry,
        "verifier",
        "/after",
    )
    assert found.created_at.tzinfo is UTC


async def test_a_state_needs_neither_verifier_nor_redirect(adapter: Any, db: Any) -> None:
    state = await adapter.create_oauth_state(db, "digest", in_minutes(10))
    assert (state.code_verifier, state.redirect_url) == (None, None)


@pytest.mark.usefixtures("rows")
async def test_a_state_is_unique(adapter: Any, db: Any) -> None:
    with pytest.raises(ConflictError):
        await adapter.create_oauth_state(db, "state", in_minutes(10), "another verifier")
    assert (await adapter.get_oauth_state(db, "state")).code_verifier == "verifier"


@pytest.mark.usefixtures("rows")
async def test_a_state_compares_exactly(adapter: Any, db: Any) -> None:
    for state in ("STATE", "stat", "state ", "%", "", "' OR 1=1--"):
        assert await adapter.get_oauth_state(db, state) is None, state
        assert await adapter.delete_oauth_state(db, state) is False, state


async def test_an_expired_state_is_still_found(adapter: Any, db: Any) -> None:
    await adapter.create_oauth_state(db, "old", in_minutes(-1))
    assert (await adapter.get_oauth_state(db, "old")).state == "old"


@pytest.mark.usefixtures("rows")
async def test_a_state_is_deleted_once(adapter: Any, db: Any, other_db: Any) -> None:
    assert await adapter.delete_oauth_state(db, "state") is True
    assert await adapter.delete_oauth_state(db, "state") is False
    assert await adapter.get_oauth_state(other_db, "state") is None


@pytest.mark.usefixtures("rows")
async def test_a_state_that_was_read_is_deleted_all_the_same(adapter: Any, db: Any, other_db: Any) -> None:
    held = await adapter.get_oauth_state(db, "state")
    assert await adapter.delete_oauth_state(db, "state") is True
    assert held.code_verifier == "verifier"
    assert await adapter.get_oauth_state(other_db, "state") is None


@pytest.mark.usefixtures("rows")
async def test_abandoned_states_are_purged_in_batches_and_counted(adapter: Any, db: Any) -> None:
    for number in range(23):
        await adapter.create_oauth_state(db, f"old {number}", in_minutes(-1))
    assert await adapter.delete_expired_oauth_states(db) == 23
    assert await adapter.delete_expired_oauth_states(db) == 0
    remaining = await db.scalars(select(adapter.oauth_state.state))
    assert remaining.all() == ["state"]
