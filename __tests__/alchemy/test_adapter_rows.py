"""Rows that the session holds: they have the database's values, and nothing of the application's is lost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import inspect, select
from sqlalchemy.ext.asyncio import async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, SessionMixin, UserMixin

SOON = datetime(2030, 1, 1, tzinfo=UTC)


async def test_a_row_is_readable_after_the_commit_of_a_session_that_expires_its_rows(adapter: Any, rows: Any) -> None:
    maker = async_sessionmaker(adapter.db_runtime.engine, expire_on_commit=True)
    async with maker() as db:
        user = await adapter.create_user(db, "eve@example.com")
        assert user.email == "eve@example.com"
        assert (await adapter.update_user(db, user.id, name="Eve")).name == "Eve"
        session = await adapter.create_session(db, user.id, SOON)
        await adapter.delete_oauth_state(db, rows.state.state)
        assert (session.expires_at, user.name) == (SOON, "Eve")
        assert db.sync_session.expire_on_commit is True


@pytest.mark.parametrize("autoflush", [True, False])
async def test_the_applications_unsaved_changes_survive_the_adapters_calls(
    adapter: Any, other_db: Any, rows: Any, autoflush: bool
) -> None:
    maker = async_sessionmaker(adapter.db_runtime.engine, expire_on_commit=False, autoflush=autoflush)
    async with maker() as db:
        user = await adapter.get_user_by_id(db, rows.user.id)
        user.image = "unsaved"
        assert await adapter.get_user_by_email(db, "ada@example.com") is user
        assert user.image == "unsaved"
        assert (await adapter.update_user(db, user.id, name="saved")).image == "unsaved"
    found = await adapter.get_user_by_id(other_db, rows.user.id)
    assert (found.name, found.image) == ("saved", "unsaved")


async def test_rows_that_a_statement_does_not_return_keep_their_values(adapter: Any, db: Any, rows: Any) -> None:
    user = await adapter.get_user_by_id(db, rows.user.id)
    other = await adapter.create_user(db, "eve@example.com", "Eve", "https://i.example/e.png")
    await adapter.update_user(db, user.id, scopes=["admin"])
    assert await adapter.get_user_by_email(db, "nobody@example.com") is None
    assert (user.name, user.scopes) == ("Ada", ["admin"])
    assert (other.email, other.name, other.image, other.scopes) == (
        "eve@example.com",
        "Eve",
        "https://i.example/e.png",
        None,
    )
    assert not inspect(user).unloaded
    assert not inspect(user).modified


async def test_scopes_that_were_kept_are_still_watched_for_changes(runtime: DatabaseRuntime) -> None:
    await runtime.create_all(User.metadata)
    adapter: Any = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState)
    async with runtime.session_maker() as db, runtime.session_maker() as other_db:
        await watched_for_changes(adapter, db, other_db)


async def watched_for_changes(adapter: Any, db: Any, other_db: Any) -> None:
    user = await adapter.create_user(db, "ada@example.com")
    await adapter.update_user(db, user.id, scopes=["read"])
    assert await adapter.get_user_by_email(db, "nobody@example.com") is None
    user.scopes.append("write")
    await db.commit()
    assert (await adapter.get_user_by_id(other_db, user.id)).scopes == ["read", "write"]


async def test_a_listed_session_has_what_another_request_wrote(adapter: Any, db: Any, other_db: Any, rows: Any) -> None:
    held = await adapter.get_session(db, rows.session.id)
    await db.commit()
    later = rows.session.expires_at + timedelta(days=1)
    await adapter.update_session(other_db, rows.session.id, expires_at=later)
    assert await adapter.list_sessions(db, rows.user.id) == [held]
    assert held.expires_at == later


async def test_what_the_application_has_loaded_stays_loaded(runtime: DatabaseRuntime) -> None:
    class Own(DeclarativeBase):
        pass

    class Owner(UserMixin, Own):
        __tablename__ = "owner"
        logins: Mapped[list["Visit"]] = relationship(default_factory=list)
        note: Mapped[str | None] = mapped_column(default=None)

    class Visit(SessionMixin, Own):
        __tablename__ = "visit"
        __user_key__ = "owner.id"

    await runtime.create_all(Own.metadata)
    await runtime.create_all(User.metadata)
    adapter: Any = AlchemyAdapter(user=Owner, account=Account, session=Visit, oauth_state=OAuthState, db=runtime)
    try:
        async with runtime.session_maker() as db:
            user = await adapter.create_user(db, "ada@example.com")
            session = await adapter.create_session(db, user.id, SOON)
        async with runtime.session_maker() as db:
            user = (await db.scalars(select(Owner).options(selectinload(Owner.logins)))).one()
            await adapter.update_user(db, user.id, name="Ada")
            await adapter.get_user_by_email(db, "ada@example.com")
            await adapter.get_session_and_user(db, session.id)
            await adapter.update_session(db, session.id, user_agent="new")
            assert [(login.id, login.user_agent) for login in user.logins] == [(session.id, "new")]
    finally:
        Own.registry.dispose()
