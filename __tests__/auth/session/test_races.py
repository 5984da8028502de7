"""Requests of one session at the same moment: one write, and what was ended stays ended."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictSession, NoConnection
from __tests__.auth.hostile.statements import recorded
from __tests__.auth.session.still_clock import StillClock
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import select, text

from auth import SessionManager
from belgie.alchemy import AlchemyAdapter, Base, DatabaseRuntime, DatabaseSettings
from proto import DBConnection

MAX_AGE = 7 * 24 * 3600
UPDATE_AGE = 24 * 3600
PARALLEL = 30

SQLITE_TRIGGER = """
CREATE TRIGGER note_write AFTER UPDATE ON sessions
BEGIN INSERT INTO writes (session_id) VALUES (NEW.id); END
"""
POSTGRES_FUNCTION = """
CREATE FUNCTION note_write() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN INSERT INTO writes (session_id) VALUES (NEW.id::text); RETURN NEW; END $$
"""
POSTGRES_TRIGGER = "CREATE TRIGGER note_write AFTER UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION note_write()"


class MeetingAdapter(AlchemyAdapter[User, Account, Session, OAuthState]):
    """Holds every reader of a session until all have read it, and runs `before_extension` when they go on."""

    meeting: asyncio.Barrier | None = None
    before_extension: Any = None

    async def get_session_and_user(self, db: DBConnection, session_id: UUID) -> tuple[Session, User] | None:
        found = await super().get_session_and_user(db, session_id)
        if self.meeting is not None:
            await db.commit()  # gives the connection back: there are fewer of them than readers
            await self.meeting.wait()
        return found

    async def extend_session(
        self, db: DBConnection, session_id: UUID, expires_at: datetime, *, previous: datetime
    ) -> bool:
        if self.before_extension is not None:
            await self.before_extension()
        return await super().extend_session(db, session_id, expires_at, previous=previous)


@pytest.fixture(params=["sqlite_file", "postgres"])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings:
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
async def runtime(settings: DatabaseSettings) -> AsyncIterator[DatabaseRuntime]:
    """A database that counts the rows that were really changed."""
    async with DatabaseRuntime(settings) as runtime:
        await runtime.create_all(Base.metadata)
        async with runtime.transaction() as db:
            await db.execute(text("CREATE TABLE writes (session_id TEXT)"))
            statements = [SQLITE_TRIGGER] if settings.type == "sqlite" else [POSTGRES_FUNCTION, POSTGRES_TRIGGER]
            for statement in statements:
                await db.execute(text(statement))
        yield runtime


@pytest.fixture
def adapter(runtime: DatabaseRuntime) -> MeetingAdapter:
    return MeetingAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)


@pytest.fixture
async def due(adapter: MeetingAdapter, runtime: DatabaseRuntime, clock: StillClock) -> UUID:
    """The id of a session that the next use extends."""
    async with runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.org")
        session = await SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock).create_session(db, user.id)
    clock.advance(UPDATE_AGE)
    return session.id


async def writes(runtime: DatabaseRuntime) -> int:
    async with runtime.session_maker() as db:
        return (await db.execute(text("SELECT count(*) FROM writes"))).scalar_one()


async def expiries(runtime: DatabaseRuntime) -> list[datetime]:
    async with runtime.session_maker() as db:
        return list((await db.execute(select(Session.expires_at))).scalars())


async def test_e17_thirty_parallel_requests_of_a_due_session_make_one_write_and_all_go_on(
    adapter: MeetingAdapter, runtime: DatabaseRuntime, due: UUID, clock: StillClock
) -> None:
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)
    adapter.meeting = asyncio.Barrier(PARALLEL)

    async def request() -> datetime | None:
        async with runtime.session_maker() as db:
            found = await manager.get_session_and_user(db, due)
            return None if found is None else found[0].expires_at

    with recorded(runtime) as statements:
        answers = await asyncio.gather(*(request() for _ in range(PARALLEL)))
    extended = clock.now + timedelta(seconds=MAX_AGE)
    assert answers == [extended] * PARALLEL
    assert await expiries(runtime) == [extended]
    assert await writes(runtime) == 1
    assert 1 <= len(statements.starting("UPDATE")) <= PARALLEL
    adapter.meeting = None
    with recorded(runtime) as statements:
        await asyncio.gather(*(request() for _ in range(PARALLEL)))
    assert len(statements.starting("SELECT")) == PARALLEL == len(statements.texts)


async def test_a_due_session_costs_one_select_and_one_update_and_one_that_is_not_due_one_select(
    adapter: MeetingAdapter, runtime: DatabaseRuntime, due: UUID, clock: StillClock
) -> None:
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)
    for verbs in (["SELECT", "UPDATE"], ["SELECT"]):
        with recorded(runtime) as statements:
            async with runtime.session_maker() as db:
                assert await manager.get_session_and_user(db, due) is not None
        assert [found.split()[0] for found in statements.texts] == verbs
        assert statements.commits == len(verbs) - 1


async def test_e17_a_sign_out_between_reading_and_extending_is_not_undone(
    adapter: MeetingAdapter, runtime: DatabaseRuntime, due: UUID, clock: StillClock
) -> None:
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)

    async def sign_out() -> None:
        async with runtime.session_maker() as other:
            assert await manager.delete_session(other, due)

    adapter.before_extension = sign_out
    async with runtime.session_maker() as db:
        assert await manager.get_session_and_user(db, due) is None
    assert await expiries(runtime) == []


class RacedAdapter(DictAdapter):
    """Somebody signs out at the moment at which the session is to be extended."""

    async def update_session(self, db: DBConnection, session_id: UUID, **updates: Any) -> DictSession | None:
        await self.delete_session(db, session_id)
        return await super().update_session(db, session_id, **updates)


async def test_e17_a_store_with_the_seventeen_methods_brings_nothing_back_either(clock: StillClock) -> None:
    adapter, db = RacedAdapter(), NoConnection()
    user = await adapter.create_user(db, "ada@example.org")
    manager = SessionManager(adapter, MAX_AGE, UPDATE_AGE, clock=clock)
    session = await manager.create_session(db, user.id)
    clock.advance(UPDATE_AGE)
    assert await manager.get_session_and_user(db, session.id) is None
    assert adapter.sessions == {}
