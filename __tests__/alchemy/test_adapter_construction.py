from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

import pytest
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import Computed, DateTime, ForeignKey, Index, String, Uuid, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship

import proto
from belgie.alchemy import (
    AccountMixin,
    AlchemyAdapter,
    DatabaseRuntime,
    DatabaseSettings,
    DateTimeUTC,
    OAuthStateMixin,
    SessionMixin,
    UserMixin,
)

PROTOCOLS = [
    proto.AdapterProtocol,
    proto.AccountUserProtocol,
    proto.DatabaseProtocol,
    proto.OAuthStateCleanupProtocol,
    proto.SessionExtensionProtocol,
    proto.SessionUserProtocol,
    proto.TransactionProtocol,
    proto.UserAccountsProtocol,
    proto.UserSessionsProtocol,
]


def example_adapter(**options: Any) -> AlchemyAdapter[User, Account, Session, OAuthState]:
    given: dict[str, Any] = {"user": User, "account": Account, "session": Session, "oauth_state": OAuthState} | options
    return AlchemyAdapter(**given)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.__name__)
def test_an_adapter_has_every_capability(protocol: Any) -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    assert isinstance(example_adapter(db=settings), protocol)


@pytest.mark.parametrize("wrap", [lambda settings: settings, DatabaseRuntime], ids=["settings", "runtime"])
def test_db_is_kept_as_it_was_given_and_leads_to_one_runtime(wrap: Callable[[Any], Any]) -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    given = wrap(settings)
    adapter = example_adapter(db=given)
    assert adapter.db is given
    assert adapter.db_runtime is settings.runtime
    assert adapter.dependency is settings.runtime.dependency


def test_an_adapter_without_db_has_no_dependency_and_says_why() -> None:
    adapter = example_adapter()
    assert getattr(adapter, "dependency", None) is None
    with pytest.raises(AttributeError, match="made without db="):
        _ = adapter.db_runtime


def test_an_adapter_keeps_its_models() -> None:
    adapter = example_adapter()
    assert (adapter.user, adapter.account, adapter.session, adapter.oauth_state) == (User, Account, Session, OAuthState)


@pytest.mark.parametrize("purge_batch", [0, -1])
def test_a_batch_holds_at_least_one_row(purge_batch: int) -> None:
    with pytest.raises(ValueError, match=f"purge_batch must be at least 1, got {purge_batch}"):
        example_adapter(purge_batch=purge_batch)


@pytest.mark.parametrize("model", [object, dict, None, "users"])
@pytest.mark.parametrize("role", ["user", "account", "session", "oauth_state"])
def test_what_is_no_mapped_class_is_refused(role: str, model: Any) -> None:
    with pytest.raises(TypeError, match=rf"AlchemyAdapter\({role}=...\) takes a mapped class"):
        example_adapter(**{role: model})


@pytest.fixture
def base() -> Iterator[Any]:
    class Own(DeclarativeBase):
        pass

    yield Own
    Own.registry.dispose()


def test_a_missing_column_is_named(base: Any) -> None:
    class Bare(base):
        __tablename__ = "bare"
        id: Mapped[UUID] = mapped_column(primary_key=True)
        state: Mapped[str] = mapped_column(unique=True)
        expires_at: Mapped[datetime] = mapped_column(DateTimeUTC)
        created_at: Mapped[datetime] = mapped_column(DateTimeUTC)

    with pytest.raises(TypeError, match=r"oauth_state=Bare\).*code_verifier; there is no mapped column redirect_url$"):
        example_adapter(oauth_state=Bare)


def test_a_column_that_is_an_expression_is_missing(base: Any) -> None:
    class Odd(OAuthStateMixin, base):
        __tablename__ = "odd"
        lower_state = column_property(func.lower(OAuthState.state))

    example_adapter(oauth_state=Odd)
    with pytest.raises(TypeError, match="there is no mapped column email"):
        example_adapter(user=Odd)


def test_uniqueness_is_not_left_to_chance(base: Any) -> None:
    class Doubles(base):
        __tablename__ = "doubles"
        id: Mapped[UUID] = mapped_column(primary_key=True)
        user_id: Mapped[UUID] = mapped_column(Uuid())
        provider: Mapped[str]
        provider_account_id: Mapped[str] = mapped_column(index=True)
        access_token: Mapped[str | None]
        refresh_token: Mapped[str | None]
        expires_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
        token_type: Mapped[str | None]
        scope: Mapped[str | None]
        id_token: Mapped[str | None]
        created_at: Mapped[datetime] = mapped_column(DateTimeUTC)
        updated_at: Mapped[datetime] = mapped_column(DateTimeUTC)

    with pytest.raises(TypeError) as caught:
        example_adapter(account=Doubles)
    assert str(caught.value) == (
        "AlchemyAdapter(account=Doubles): "
        "(provider, provider_account_id) must be unique: add UniqueConstraint('provider', 'provider_account_id'); "
        "(user_id, provider) must be unique: add UniqueConstraint('user_id', 'provider')"
    )
    Index("one_subject", Doubles.provider, Doubles.provider_account_id, unique=True)
    Index("one_account", Doubles.user_id, Doubles.provider, unique=True)
    assert example_adapter(account=Doubles).account is Doubles


def test_a_model_over_a_query_is_not_known_to_be_unique(base: Any) -> None:
    class View(base):
        __table__ = select(OAuthState.__table__).subquery()
        __mapper_args__: ClassVar[dict[str, Any]] = {"primary_key": [__table__.c.id]}

    with pytest.raises(TypeError, match=r"oauth_state=View\): \(state\) must be unique"):
        example_adapter(oauth_state=View)


def test_a_moment_without_a_time_zone_is_refused(base: Any) -> None:
    class Naive(OAuthStateMixin, base):
        __tablename__ = "naive"
        expires_at: Mapped[datetime] = mapped_column(DateTime())

    with pytest.raises(TypeError, match=r"expires_at holds no time zone: use belgie\.alchemy\.DateTimeUTC"):
        example_adapter(oauth_state=Naive)


def test_a_moment_that_only_postgres_keeps_is_refused_on_sqlite(base: Any) -> None:
    class Half(OAuthStateMixin, base):
        __tablename__ = "half"
        expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    postgres = DatabaseSettings(type="postgres", host="h", database="d", username="u", password="p")
    assert example_adapter(oauth_state=Half, db=postgres).oauth_state is Half
    with pytest.raises(TypeError, match="expires_at holds no time zone on SQLite"):
        example_adapter(oauth_state=Half, db=DatabaseSettings(type="sqlite", database=":memory:"))


def test_models_that_refer_to_what_is_not_imported_yet_are_fine(base: Any) -> None:
    class Early(UserMixin, base):
        __tablename__ = "early"
        posts: Mapped[list[Any]] = relationship("Post", default_factory=list)

    assert example_adapter(user=Early).user is Early


class Plan(StrEnum):
    FREE = "free"
    PAID = "paid"


def application(base: Any) -> dict[str, Any]:
    """Models with columns, keys and relationships of the application's own."""

    class Owner(UserMixin, base):
        __tablename__ = "owner"
        nickname: Mapped[str | None] = mapped_column(String(10), default=None)
        plan: Mapped[Plan] = mapped_column(default=Plan.FREE)
        _internal: Mapped[str | None] = mapped_column(default=None)
        shout: Mapped[str | None] = mapped_column(Computed("upper(email)"), init=False)
        logins: Mapped[list["Visit"]] = relationship(lazy="joined", default_factory=list)
        identities: Mapped[list["Identity"]] = relationship(lazy="selectin", default_factory=list)

    class Identity(AccountMixin, base):
        __tablename__ = "identity"
        __user_key__ = "owner.id"
        tenant: Mapped[str | None] = mapped_column(default=None)

    class Visit(SessionMixin, base):
        __tablename__ = "visit"
        __user_key__ = "owner.id"
        device: Mapped[str | None] = mapped_column(default=None)

    class Pending(OAuthStateMixin, base):
        __tablename__ = "pending"

    return {"user": Owner, "account": Identity, "session": Visit, "oauth_state": Pending}


async def test_relationships_of_any_loading_strategy_are_served(base: Any, runtime: DatabaseRuntime) -> None:
    adapter: Any = example_adapter(**application(base), db=runtime)
    await runtime.create_all(base.metadata)
    async with runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.com")
        for number in range(2):
            await adapter.create_session(db, user.id, datetime(2030, 1, 1, tzinfo=UTC))
            await adapter.create_account(db, user.id, f"p{number}", "1")
        sessions = await adapter.list_sessions(db, user.id)
        found = await adapter.get_user_by_email(db, "ada@example.com")
        assert (len(found.logins), len(found.identities)) == (2, 2)
        session, found = await adapter.get_session_and_user(db, sessions[0].id)
        assert (session.id, len(found.logins)) == (sessions[0].id, 2)
        account, found = await adapter.get_account_and_user(db, "p0", "1")
        assert (account.provider, len(found.logins)) == ("p0", 2)
        assert (await adapter.update_user(db, user.id, name="Ada")).name == "Ada"
        assert (len(found.logins), len(found.identities)) == (2, 2)
        assert await adapter.delete_user(db, user.id) is True
    async with runtime.session_maker() as db:
        assert (await db.scalars(select(adapter.session))).all() == []


async def test_an_applications_own_columns_can_be_changed_and_are_checked(base: Any, runtime: DatabaseRuntime) -> None:
    adapter: Any = example_adapter(**application(base), db=runtime)
    await runtime.create_all(base.metadata)
    async with runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.com")
        changed = await adapter.update_user(db, user.id, nickname="ada", plan=Plan.PAID)
        assert (changed.nickname, changed.plan) == ("ada", Plan.PAID)
        account = await adapter.create_account(db, user.id, "p", "1", tenant="t")
        assert account.tenant == "t"
        session = await adapter.create_session(db, user.id, datetime(2030, 1, 1, tzinfo=UTC))
        assert (await adapter.update_session(db, session.id, device="phone")).device == "phone"
        with pytest.raises(proto.InvalidValueError, match=r"Owner\.nickname must have at most 10 characters, got 11"):
            await adapter.update_user(db, user.id, nickname="x" * 11)


@pytest.mark.parametrize("field", ["logins", "identities", "shout", "_internal", "registry", "__table__"])
async def test_relationships_computed_and_private_columns_cannot(
    base: Any, runtime: DatabaseRuntime, field: str
) -> None:
    adapter: Any = example_adapter(**application(base), db=runtime)
    async with runtime.session_maker() as db:
        with pytest.raises(TypeError, match=r"allowed are email, email_verified, image, name, nickname, plan, scopes$"):
            await adapter.update_user(db, uuid4(), **{field: None})


async def test_without_cascading_keys_a_user_still_takes_everything_along(base: Any, runtime: DatabaseRuntime) -> None:
    class Login(SessionMixin, base):
        __tablename__ = "login"
        user_id: Mapped[UUID] = mapped_column(ForeignKey("member.id"))

    class Member(UserMixin, base):
        __tablename__ = "member"

    class Identity(AccountMixin, base):
        __tablename__ = "identity"
        __user_key__ = "member.id"

    adapter: Any = example_adapter(user=Member, account=Identity, session=Login, db=runtime)
    await runtime.create_all(base.metadata)
    async with runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.com")
        await adapter.create_session(db, user.id, datetime(2030, 1, 1, tzinfo=UTC))
        assert await adapter.delete_user(db, user.id) is True
        assert (await db.scalars(select(Login))).all() == []


async def test_sqlite_without_foreign_keys_keeps_no_rows_of_a_deleted_user(base: Any) -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:", enable_foreign_keys=False)
    adapter: Any = example_adapter(**application(base), db=settings)
    async with settings.runtime as runtime:
        await runtime.create_all(base.metadata)
        async with runtime.session_maker() as db:
            user = await adapter.create_user(db, "ada@example.com")
            session = await adapter.create_session(db, user.id, datetime(2030, 1, 1, tzinfo=UTC))
            await adapter.create_account(db, user.id, "p", "1")
            assert await adapter.delete_user(db, user.id) is True
            assert await adapter.get_session(db, session.id) is None
            assert await adapter.get_account(db, "p", "1") is None


async def test_sqlite_without_foreign_keys_signs_nobody_in_with_an_orphan(base: Any) -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:", enable_foreign_keys=False)
    adapter: Any = example_adapter(**application(base), db=settings)
    async with settings.runtime as runtime:
        await runtime.create_all(base.metadata)
        async with runtime.session_maker() as db:
            session = await adapter.create_session(db, uuid4(), datetime(2030, 1, 1, tzinfo=UTC))
            await adapter.create_account(db, uuid4(), "p", "1")
            assert await adapter.get_session_and_user(db, session.id) is None
            assert await adapter.get_account_and_user(db, "p", "1") is None


async def test_a_scoped_session_is_a_session(runtime: DatabaseRuntime) -> None:
    adapter = example_adapter(db=runtime)
    await runtime.create_all(User.metadata)
    scoped = async_scoped_session(runtime.session_maker, scopefunc=lambda: 1)
    try:
        user = await adapter.create_user(scoped, "ada@example.com")
        assert user in scoped
    finally:
        await scoped.remove()


async def test_an_adapter_serves_several_databases(sqlite_memory_settings: Any, sqlite_file_settings: Any) -> None:
    adapter = example_adapter()
    for settings in (sqlite_memory_settings, sqlite_file_settings):
        async with settings.runtime as runtime:
            await runtime.create_all(User.metadata)
            async with runtime.session_maker() as db:
                assert isinstance(db, AsyncSession)
                assert (await adapter.create_user(db, "ada@example.com")).email == "ada@example.com"
