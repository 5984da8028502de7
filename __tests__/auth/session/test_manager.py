"""Sessions are made at sign-in, extended by use, and ended by time or by hand; over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictSession, NoConnection
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.session.still_clock import StillClock

from auth import SessionManager
from auth.utils.clock import as_utc
from proto import DBConnection

MAX_AGE = 7 * 24 * 3600
UPDATE_AGE = 24 * 3600
ABSOLUTE = 30 * 24 * 3600


@pytest.fixture
def manager(store: Store, clock: StillClock) -> SessionManager[Any, Any]:
    return SessionManager(store.adapter, MAX_AGE, UPDATE_AGE, clock=clock)


async def stored_expiry(store: Store, session_id: Any) -> datetime | None:
    """What another connection finds in the store."""
    if store.runtime is None:
        session = await store.adapter.get_session(NoConnection(), session_id)
    else:
        async with store.runtime.session_maker() as other:
            session = await store.adapter.get_session(other, session_id)
    return None if session is None else as_utc(session.expires_at)


async def test_a_new_session_lives_for_max_age_and_remembers_where_it_came_from(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id, ip_address="192.0.2.1", user_agent="a browser")
    assert await stored_expiry(store, session.id) == clock.now + timedelta(seconds=MAX_AGE)
    assert (session.user_id, session.ip_address, session.user_agent) == (user.id, "192.0.2.1", "a browser")
    assert session.id.version == 4
    found = await manager.get_session_and_user(db, session.id)
    assert found is not None
    assert (found[0].id, found[1].id) == (session.id, user.id)


async def test_a_session_that_was_never_made_is_not_found(manager: SessionManager[Any, Any], db: DBConnection) -> None:
    assert await manager.get_session(db, uuid4()) is None
    assert await manager.get_session_and_user(db, uuid4()) is None
    assert await manager.read_session_and_user(db, uuid4()) is None
    assert await manager.delete_session(db, uuid4()) is False


async def test_a_session_in_use_is_written_back_once_update_age_has_passed_and_not_before(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id)
    begun = clock.now
    clock.advance(UPDATE_AGE - 1)
    assert await manager.get_session(db, session.id) is not None
    assert await stored_expiry(store, session.id) == begun + timedelta(seconds=MAX_AGE)
    clock.advance(1)
    extended = await manager.get_session(db, session.id)
    assert extended is not None
    assert as_utc(extended.expires_at) == clock.now + timedelta(seconds=MAX_AGE)
    assert await stored_expiry(store, session.id) == clock.now + timedelta(seconds=MAX_AGE)
    again = clock.now
    clock.advance(UPDATE_AGE - 1)
    assert await manager.get_session(db, session.id) is not None
    assert await stored_expiry(store, session.id) == again + timedelta(seconds=MAX_AGE)


async def test_the_session_that_comes_with_its_user_is_extended_likewise(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id)
    clock.advance(UPDATE_AGE)
    found = await manager.get_session_and_user(db, session.id)
    assert found is not None
    assert as_utc(found[0].expires_at) == clock.now + timedelta(seconds=MAX_AGE)
    assert found[1].email == "ada@example.org"
    assert await stored_expiry(store, session.id) == clock.now + timedelta(seconds=MAX_AGE)


async def test_reading_alone_neither_extends_nor_removes(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id)
    expiry = await stored_expiry(store, session.id)
    clock.advance(ABSOLUTE)
    found = await manager.read_session_and_user(db, session.id)
    assert found is not None
    assert (found[0].id, found[1].id) == (session.id, user.id)
    assert await stored_expiry(store, session.id) == expiry


async def test_e15_a_session_ends_at_the_moment_of_its_expiry_and_is_removed(
    store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    manager = SessionManager(store.adapter, MAX_AGE, update_age=MAX_AGE, clock=clock)
    sessions = [await manager.create_session(db, user.id) for _ in range(2)]
    clock.advance(MAX_AGE - 0.001)
    assert await manager.get_session(db, sessions[0].id) is not None
    assert await manager.get_session_and_user(db, sessions[1].id) is not None
    clock.advance(0.001)
    assert await manager.get_session(db, sessions[0].id) is None
    assert await manager.get_session_and_user(db, sessions[1].id) is None
    assert [await stored_expiry(store, session.id) for session in sessions] == [None, None]
    assert (await store.count())["users"] == 1


async def test_e16_no_amount_of_use_extends_a_session_beyond_its_absolute_age(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id)
    end = as_utc(session.created_at) + timedelta(seconds=ABSOLUTE)
    uses = 0
    while clock.now + timedelta(seconds=UPDATE_AGE / 3) < end:
        clock.advance(UPDATE_AGE / 3)
        assert await manager.get_session(db, session.id) is not None
        expiry = await stored_expiry(store, session.id)
        assert expiry is not None
        assert expiry <= end
        uses += 1
    assert uses >= 88
    assert expiry == end
    clock.now = end
    assert await manager.get_session(db, session.id) is None
    assert await stored_expiry(store, session.id) is None


async def test_a_shorter_absolute_age_ends_the_sessions_that_are_there(
    store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await SessionManager(store.adapter, MAX_AGE, UPDATE_AGE, clock=clock).create_session(db, user.id)
    stricter = SessionManager(store.adapter, 3600, 60, absolute_max_age=3600, clock=clock)
    clock.advance(3599)
    assert await stricter.get_session(db, session.id) is not None
    clock.now = as_utc(session.created_at) + timedelta(seconds=3600)
    assert await stricter.get_session(db, session.id) is None
    assert await stored_expiry(store, session.id) is None


async def test_e15_a_clock_that_was_put_back_ends_and_extends_nothing(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    session = await manager.create_session(db, user.id)
    expiry = await stored_expiry(store, session.id)
    clock.advance(-UPDATE_AGE)
    assert await manager.get_session(db, session.id) is not None
    assert await stored_expiry(store, session.id) == expiry


async def test_with_update_age_zero_every_use_is_written(
    store: Store, db: DBConnection, user: Any, clock: StillClock
) -> None:
    manager = SessionManager(store.adapter, MAX_AGE, 0, clock=clock)
    session = await manager.create_session(db, user.id)
    for _ in range(3):
        clock.advance(1)
        assert await manager.get_session(db, session.id) is not None
        assert await stored_expiry(store, session.id) == clock.now + timedelta(seconds=MAX_AGE)


async def test_an_ended_session_stays_ended(manager: SessionManager[Any, Any], db: DBConnection, user: Any) -> None:
    session = await manager.create_session(db, user.id)
    other = await manager.create_session(db, user.id)
    assert await manager.delete_session(db, session.id) is True
    assert await manager.delete_session(db, session.id) is False
    assert await manager.get_session(db, session.id) is None
    assert await manager.get_session(db, other.id) is not None


async def test_expired_sessions_are_cleaned_up_and_counted(
    manager: SessionManager[Any, Any], store: Store, db: DBConnection, user: Any
) -> None:
    alive = await manager.create_session(db, user.id)
    for _ in range(3):
        await store.adapter.create_session(db, user.id, datetime.now(UTC) - timedelta(seconds=1))
    assert await manager.cleanup_expired_sessions(db) == 3
    assert await manager.cleanup_expired_sessions(db) == 0
    assert (await store.count())["sessions"] == 1
    assert await stored_expiry(store, alive.id) is not None


class NaiveAdapter(DictAdapter):
    """A store that forgets time zones, as SQLite's own datetime columns do."""

    async def get_session(self, db: DBConnection, session_id: Any) -> DictSession | None:
        session = await super().get_session(db, session_id)
        if session is not None:
            session.expires_at = as_utc(session.expires_at).replace(tzinfo=None)
            session.created_at = as_utc(session.created_at).replace(tzinfo=None)
        return session


async def test_e15_naive_datetimes_of_a_store_are_taken_for_utc(clock: StillClock) -> None:
    adapter, db = NaiveAdapter(), NoConnection()
    user = await adapter.create_user(db, "ada@example.org")
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)
    session = await manager.create_session(db, user.id)
    clock.advance(UPDATE_AGE)
    assert await manager.get_session_and_user(db, session.id) is not None
    assert as_utc(adapter.sessions[session.id].expires_at) == clock.now + timedelta(seconds=MAX_AGE)
    clock.advance(MAX_AGE)
    assert await manager.get_session_and_user(db, session.id) is None
    assert adapter.sessions == {}


class CountingAdapter(DictAdapter):
    """Counts what is written to sessions."""

    writes = 0

    async def update_session(self, db: DBConnection, session_id: Any, **updates: Any) -> DictSession | None:
        self.writes += 1
        return await super().update_session(db, session_id, **updates)


async def test_a_session_that_reaches_its_absolute_age_is_written_no_more(clock: StillClock) -> None:
    adapter, db = CountingAdapter(), NoConnection()
    user = await adapter.create_user(db, "ada@example.org")
    manager = SessionManager(adapter, 100, 10, absolute_max_age=150, clock=clock)
    session = await manager.create_session(db, user.id)
    clock.advance(60)
    assert await manager.get_session(db, session.id) is not None
    assert adapter.writes == 1
    for _ in range(4):
        clock.advance(20)
        assert await manager.get_session(db, session.id) is not None
    assert adapter.writes == 1


async def test_a_session_whose_user_is_gone_is_none(clock: StillClock) -> None:
    adapter, db = DictAdapter(), NoConnection()
    user = await adapter.create_user(db, "ada@example.org")
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)
    session = await manager.create_session(db, user.id)
    del adapter.users[user.id]
    assert await manager.read_session_and_user(db, session.id) is None
    assert await manager.get_session_and_user(db, session.id) is None


@pytest.mark.parametrize(
    ("age", "unused", "unchanged"),
    [(0, 0, True), (9, 9, True), (10, 10, False), (99, 99, False), (100, 100, False), (149, 0, True), (150, 0, False)],
)
def test_a_session_goes_on_unchanged_if_it_is_neither_over_nor_due(
    clock: StillClock, age: int, unused: int, unchanged: bool
) -> None:
    manager: SessionManager[Any, Any] = SessionManager(DictAdapter(), 100, 10, absolute_max_age=150, clock=clock)
    created_at = clock.now - timedelta(seconds=age)
    expires_at = min(clock.now + timedelta(seconds=100 - unused), created_at + timedelta(seconds=150))
    assert manager.goes_on_unchanged(created_at, expires_at) is unchanged


def test_one_second_is_a_life() -> None:
    assert SessionManager(DictAdapter(), 1, 0, absolute_max_age=1)


@pytest.mark.parametrize(
    ("max_age", "update_age", "absolute"),
    [(0, 0, None), (-1, 0, None), (10, -1, None), (10, 1, 9), (10, 1, 0)],
)
def test_ages_that_make_no_sense_are_refused(max_age: int, update_age: int, absolute: int | None) -> None:
    with pytest.raises(ValueError, match="expected max_age > 0, update_age >= 0 and absolute_max_age >= max_age"):
        SessionManager(DictAdapter(), max_age, update_age, absolute_max_age=absolute)


async def test_without_an_absolute_age_it_is_thirty_days_or_max_age_if_that_is_longer(clock: StillClock) -> None:
    adapter, db = DictAdapter(), NoConnection()
    user = await adapter.create_user(db, "ada@example.org")
    long = SessionManager(adapter, 2 * ABSOLUTE, UPDATE_AGE, clock=clock)
    session = await long.create_session(db, user.id)
    clock.advance(2 * ABSOLUTE - 60)
    assert await long.get_session(db, session.id) is not None
    clock.now = session.created_at + timedelta(seconds=2 * ABSOLUTE)
    assert await long.get_session(db, session.id) is None
