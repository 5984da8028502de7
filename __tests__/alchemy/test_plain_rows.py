"""Session and user found by the driver's own call, and put into the session as if SQLAlchemy had loaded them."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ForeignKey, Numeric, String, UniqueConstraint, event, func, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    column_property,
    declared_attr,
    deferred,
    mapped_column,
    reconstructor,
    relationship,
)

from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, DateTimeUTC, PostgresSettings, ScopeList, Scopes
from proto import UnavailableError


def columns_of(row: Any) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in inspect(type(row)).column_attrs}


@asynccontextmanager
async def looked_up(adapter: Any, session_id: UUID) -> AsyncGenerator[tuple[AsyncSession, tuple[Any, Any], bool]]:
    """Look the session up in a new database session; and tell whether that was done without its connection."""
    async with adapter.db_runtime.session_maker() as db:
        found = await adapter.get_session_and_user(db, session_id)
        yield db, found, adapter.db_runtime.connections.in_use == 0


async def test_the_rows_are_those_that_sqlalchemy_loads(adapter: Any, db: Any, rows: Any) -> None:
    expected = await db.get(adapter.session, rows.session.id), await db.get(adapter.user, rows.user.id)
    await db.close()
    async with looked_up(adapter, rows.session.id) as (_, found, direct):
        assert direct
        for row, other in zip(found, expected, strict=True):
            assert type(row) is type(other)
            assert columns_of(row) == columns_of(other)
            assert {name: type(value) for name, value in columns_of(row).items()} == {
                name: type(value) for name, value in columns_of(other).items()
            }


async def test_the_session_holds_the_rows_unchanged_and_begins_nothing_in_the_database(adapter: Any, rows: Any) -> None:
    async with looked_up(adapter, rows.session.id) as (db, (session, user), direct):
        assert direct
        assert inspect(session).persistent
        assert inspect(user).persistent
        assert not db.dirty
        assert not db.new
        assert await db.get(adapter.user, user.id) is user
        assert await db.scalar(select(adapter.session)) is session


async def test_what_is_changed_on_a_row_is_saved(adapter: Any, rows: Any) -> None:
    async with looked_up(adapter, rows.session.id) as (db, (_, user), _):
        user.name = "Ada"
        user.scopes = ["a"]
        assert user in db.dirty
        await db.commit()
    async with looked_up(adapter, rows.session.id) as (db, (_, user), _):
        assert (user.name, list(user.scopes)) == ("Ada", ["a"])
        await db.delete(user)
        await db.commit()
    async with looked_up(adapter, rows.session.id) as (_, found, _):
        assert found is None


async def test_a_row_can_be_refreshed_and_expired(adapter: Any, db: Any, rows: Any) -> None:
    async with looked_up(adapter, rows.session.id) as (mine, (_, user), _):
        await adapter.update_user(db, user.id, name="Grace")
        assert user.name != "Grace"
        await mine.refresh(user)
        assert user.name == "Grace"


async def test_no_session_is_none(adapter: Any, rows: Any) -> None:
    async with looked_up(adapter, uuid4()) as (_, found, direct):
        assert found is None
        assert direct


async def test_a_session_that_was_used_reads_over_its_own_connection(adapter: Any, rows: Any) -> None:
    """It may have changed the row, and not committed yet."""
    async with adapter.db_runtime.session_maker() as db:
        user = await db.get(adapter.user, rows.user.id)
        user.name = "Ada"
        await db.flush()
        _, found = await adapter.get_session_and_user(db, rows.session.id)
        assert found is user
        assert found.name == "Ada"


async def test_a_transaction_block_reads_over_its_own_connection(adapter: Any, rows: Any) -> None:
    async with adapter.db_runtime.session_maker() as db, adapter.transaction(db):
        await adapter.get_session_and_user(db, rows.session.id)
        assert adapter.db_runtime.connections.in_use == 1


@pytest.mark.parametrize("name", ["do_orm_execute", "after_begin", "loaded_as_persistent"])
async def test_who_listens_to_a_session_hears_of_it(adapter: Any, rows: Any, name: str) -> None:
    """A filter for one tenant, or `SET LOCAL` for row level security, must not be gone round."""
    heard: list[str] = []
    async with adapter.db_runtime.session_maker() as db:
        event.listen(db.sync_session, name, lambda *_arguments: heard.append(name))
        session, user = await adapter.get_session_and_user(db, rows.session.id)
        assert (session.id, user.id) == (rows.session.id, rows.user.id)
        assert heard
        assert adapter.db_runtime.connections.in_use == 1


@pytest.mark.parametrize(
    "name",
    ["engine_connect", "begin", "before_execute", "after_execute", "before_cursor_execute", "after_cursor_execute"],
)
async def test_who_listens_to_the_engine_hears_of_it(adapter: Any, rows: Any, name: str) -> None:
    """Row level security may be set there, too."""
    heard: list[str] = []
    event.listen(adapter.db_runtime.engine.sync_engine, name, lambda *_arguments: heard.append(name))
    async with looked_up(adapter, rows.session.id) as (_, found, direct):
        assert found is not None
        assert not direct
        assert heard == [name]


async def test_an_engine_with_options_is_not_gone_round(adapter: Any, rows: Any) -> None:
    adapter.db_runtime.engine.update_execution_options(schema_translate_map={None: "elsewhere"})
    async with adapter.db_runtime.session_maker() as db:
        with pytest.raises(UnavailableError):
            await adapter.get_session_and_user(db, rows.session.id)
    with pytest.raises(UnavailableError):
        await adapter.get_identity(rows.session.id)


async def test_who_listens_for_rows_that_expire_is_told_only_of_those(adapter: Any, rows: Any) -> None:
    expired: list[object] = []

    def note(*arguments: object) -> None:
        expired.append(arguments)

    event.listen(adapter.user, "expire", note)
    try:
        async with looked_up(adapter, rows.session.id) as (_, found, direct):
            assert found is not None
            assert not direct
    finally:
        event.remove(adapter.user, "expire", note)
    assert expired == []


async def test_two_tasks_on_one_session_get_the_error_of_sqlalchemy(adapter: Any, rows: Any) -> None:
    async with adapter.db_runtime.session_maker() as db:
        answers = await asyncio.gather(
            *(adapter.get_session_and_user(db, rows.session.id) for _ in range(2)), return_exceptions=True
        )
        assert {answer[1].id for answer in answers if isinstance(answer, tuple)} == {rows.user.id}


async def test_a_session_that_was_used_while_the_driver_was_asked_reads_by_itself(adapter: Any, rows: Any) -> None:
    async with adapter.db_runtime.session_maker() as db:
        asked = asyncio.create_task(adapter.get_session_and_user(db, rows.session.id))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        db.add(row := adapter.user(email="grace@example.com"))  # the transaction has begun, without a connection
        assert not asked.done()
        _, user = await asked
        assert user.id == rows.user.id
        assert inspect(user).persistent
        assert inspect(row).persistent  # the session has flushed before it read
        assert adapter.db_runtime.connections.in_use == 1


async def test_a_session_with_options_of_its_own_loads_by_itself(adapter: Any, rows: Any) -> None:
    async with adapter.db_runtime.session_maker(execution_options={"tenant": "one"}) as db:
        assert (await adapter.get_session_and_user(db, rows.session.id))[1].id == rows.user.id
        assert adapter.db_runtime.connections.in_use == 1


async def test_without_a_pool_there_is_one_connection_for_look_up_and_route(
    postgres_settings: PostgresSettings,
) -> None:
    runtime = postgres_settings.model_copy(update={"pool": "null"}).runtime
    made: list[object] = []
    async with application(runtime, PlainUser) as (adapter, session_id):
        event.listen(runtime.engine.sync_engine.pool, "connect", lambda *arguments: made.append(arguments))
        async with runtime.session_maker() as db:
            assert await adapter.get_session_and_user(db, session_id) is not None
            assert await db.scalar(text("SELECT 1")) == 1
        assert len(made) == 1
    await runtime.dispose()


async def test_a_session_that_the_application_made_loads_by_itself(adapter: Any, rows: Any) -> None:
    async with AsyncSession(adapter.db_runtime.engine) as db:
        assert (await adapter.get_session_and_user(db, rows.session.id))[1].id == rows.user.id
        assert adapter.db_runtime.connections.in_use == 1


async def test_who_listens_for_rows_that_are_added_is_not_told_of_those_that_are_loaded(
    adapter: Any, rows: Any
) -> None:
    heard: list[object] = []
    async with adapter.db_runtime.session_maker() as db:
        for name in ("before_attach", "after_attach", "detached_to_persistent"):
            event.listen(db.sync_session, name, lambda *arguments: heard.append(arguments))
        assert await adapter.get_session_and_user(db, rows.session.id) is not None
    assert heard == []


async def test_a_session_bound_by_model_purges(adapter: Any, rows: Any) -> None:
    engine = adapter.db_runtime.engine
    async with AsyncSession(binds=dict.fromkeys((adapter.user, adapter.session), engine)) as db:
        assert (await adapter.get_session_and_user(db, rows.session.id))[1].id == rows.user.id
        assert await adapter.delete_expired_sessions(db) == 0


async def test_a_database_that_is_not_what_it_was_is_unavailable(adapter: Any, rows: Any) -> None:
    async with adapter.db_runtime.engine.begin() as connection:
        await connection.execute(text(f"DROP TABLE {adapter.session.__tablename__}"))
    async with adapter.db_runtime.session_maker() as db:
        with pytest.raises(UnavailableError):
            await adapter.get_session_and_user(db, rows.session.id)
        assert not db.in_transaction()
    assert adapter.db_runtime.connections.in_use == 0


def moment() -> Mapped[datetime]:
    return mapped_column(DateTimeUTC, default=lambda: datetime.now(UTC))


class PlainUser:
    """Columns that are read as they are, and what Python makes of them when a row is loaded."""

    nickname: Mapped[str | None] = mapped_column(String(20), default="ada")

    @reconstructor
    def greet(self) -> None:
        self.greeting = f"Hello, {self.nickname}"


class DeferredUser:
    @declared_attr
    def biography(self) -> Mapped[str]:
        return deferred(mapped_column(String, default="long"))


class ComputedUser:
    @declared_attr
    def shouted(self) -> Mapped[str]:
        return column_property(func.upper("ada"))


class PricedUser:
    """PostgreSQL's driver is asked which kind of number a column holds."""

    price: Mapped[Decimal] = mapped_column(Numeric(10, 2), default=Decimal("1.50"))


class EagerUser:
    @declared_attr
    def sessions(self) -> Mapped[list[Any]]:
        return relationship("Session", lazy="selectin", viewonly=True)


class LazyUser:
    @declared_attr
    def sessions(self) -> Mapped[list[Any]]:
        return relationship("Session", lazy="raise", viewonly=True)


class PolymorphicUser:
    kind: Mapped[str] = mapped_column(default="person")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "person"}  # noqa: RUF012 - read by SQLAlchemy


def models_with(addition: type[Any]) -> dict[str, type[Any]]:
    """Return the four models of an application whose users have what `addition` has."""

    class Base(DeclarativeBase):
        pass

    class User(addition, Base):
        __tablename__ = "users"
        id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
        email: Mapped[str] = mapped_column(unique=True)
        email_verified: Mapped[bool] = mapped_column(default=False)
        name: Mapped[str | None]
        image: Mapped[str | None]
        scopes: Mapped[list[str] | None] = mapped_column(ScopeList.as_mutable(Scopes()))
        created_at: Mapped[datetime] = moment()
        updated_at: Mapped[datetime] = moment()

    class Account(Base):
        __tablename__ = "accounts"
        __table_args__ = (UniqueConstraint("provider", "provider_account_id"), UniqueConstraint("user_id", "provider"))
        id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
        user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
        provider: Mapped[str]
        provider_account_id: Mapped[str]
        access_token: Mapped[str | None]
        refresh_token: Mapped[str | None]
        expires_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
        token_type: Mapped[str | None]
        scope: Mapped[str | None]
        id_token: Mapped[str | None]
        created_at: Mapped[datetime] = moment()
        updated_at: Mapped[datetime] = moment()

    class Session(Base):
        __tablename__ = "sessions"
        id: Mapped[UUID] = mapped_column(primary_key=True)
        user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
        expires_at: Mapped[datetime] = mapped_column(DateTimeUTC)
        ip_address: Mapped[str | None]
        user_agent: Mapped[str | None] = mapped_column(String(100))
        created_at: Mapped[datetime] = moment()
        updated_at: Mapped[datetime] = moment()

    class OAuthState(Base):
        __tablename__ = "oauth_states"
        id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
        state: Mapped[str] = mapped_column(unique=True)
        code_verifier: Mapped[str | None]
        redirect_url: Mapped[str | None]
        created_at: Mapped[datetime] = moment()
        expires_at: Mapped[datetime] = mapped_column(DateTimeUTC)

    return {"user": User, "account": Account, "session": Session, "oauth_state": OAuthState}


@asynccontextmanager
async def application(runtime: DatabaseRuntime, addition: type[Any]) -> AsyncGenerator[tuple[Any, UUID]]:
    """Make the tables of an application, a user and a session; give the adapter and the session's id."""
    models: dict[str, Any] = models_with(addition)
    await runtime.create_all(models["user"].metadata)
    adapter: Any = AlchemyAdapter(**models, db=runtime)
    async with runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.com")
        session = await adapter.create_session(db, user.id, datetime.now(UTC) + timedelta(hours=1))
    yield adapter, session.id
    await runtime.drop_all(models["user"].metadata)


async def test_what_a_model_does_with_a_loaded_row_is_done(runtime: DatabaseRuntime) -> None:
    async with (
        application(runtime, PlainUser) as (adapter, session_id),
        looked_up(adapter, session_id) as (_, (_, user), direct),
    ):
        assert direct
        assert user.greeting == "Hello, ada"


async def test_a_change_in_place_of_the_scopes_is_saved(runtime: DatabaseRuntime) -> None:
    async with application(runtime, PlainUser) as (adapter, session_id):
        async with looked_up(adapter, session_id) as (db, (_, user), direct):
            assert direct
            user.scopes = ["a"]
            await db.commit()
        async with looked_up(adapter, session_id) as (db, (_, user), direct):
            assert direct
            user.scopes.append("reports:read")
            await db.commit()
        async with looked_up(adapter, session_id) as (_, (_, user), _):
            assert user.scopes == ["a", "reports:read"]


async def test_a_relationship_that_nobody_asked_for_is_left_alone(runtime: DatabaseRuntime) -> None:
    async with (
        application(runtime, LazyUser) as (adapter, session_id),
        looked_up(adapter, session_id) as (_, (_, user), direct),
    ):
        assert direct
        assert "sessions" in inspect(user).unloaded


@pytest.mark.parametrize(
    ("addition", "loaded"),
    [
        (DeferredUser, lambda user: "biography" in inspect(user).unloaded),
        (ComputedUser, lambda user: user.shouted == "ADA"),
        (EagerUser, lambda user: [each.user_id for each in user.sessions] == [user.id]),
        (PolymorphicUser, lambda user: user.kind == "person"),
    ],
)
async def test_a_mapping_that_is_not_plain_is_loaded_by_sqlalchemy(
    runtime: DatabaseRuntime, addition: type[Any], loaded: Any
) -> None:
    async with (
        application(runtime, addition) as (adapter, session_id),
        looked_up(adapter, session_id) as (_, (_, user), direct),
    ):
        assert not direct
        assert loaded(user)


async def test_a_number_is_what_sqlalchemy_makes_of_it(runtime: DatabaseRuntime) -> None:
    async with (
        application(runtime, PricedUser) as (adapter, session_id),
        looked_up(adapter, session_id) as (_, (_, user), _),
    ):
        assert user.price == Decimal("1.50")
        assert type(user.price) is Decimal
