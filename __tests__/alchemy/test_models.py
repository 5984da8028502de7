from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import ForeignKey, Table, UniqueConstraint, delete, inspect, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from belgie.alchemy import (
    AccountMixin,
    Base,
    DatabaseRuntime,
    OAuthStateMixin,
    SessionMixin,
    UserMixin,
)
from proto import AccountProtocol, InvalidValueError, OAuthStateProtocol, SessionProtocol, UserProtocol

SOON = datetime(2027, 1, 1, tzinfo=UTC)


@pytest.fixture
async def db(runtime: DatabaseRuntime) -> AsyncIterator[AsyncSession]:
    await runtime.create_all(Base.metadata)
    async with runtime.session_maker() as session:
        yield session


async def saved(db: AsyncSession, row: Any) -> Any:
    db.add(row)
    await db.commit()
    return row


async def reloaded(db: AsyncSession, model: type[Any]) -> Any:
    db.expunge_all()
    return (await db.execute(select(model))).scalar_one()


def foreign_key(table: Table) -> ForeignKey:
    (key,) = table.c.user_id.foreign_keys
    return key


def unique_sets(table: Table) -> set[tuple[str, ...]]:
    constraints = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return {tuple(column.name for column in each.columns) for each in constraints}


@pytest.mark.parametrize(
    ("row", "protocol"),
    [
        (User(email="a@b.example"), UserProtocol),
        (Account(user_id=uuid4(), provider="p", provider_account_id="1"), AccountProtocol),
        (Session(user_id=uuid4(), expires_at=SOON), SessionProtocol),
        (OAuthState(state="s", expires_at=SOON), OAuthStateProtocol),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_row_satisfies_its_protocol(row: object, protocol: type[Any]) -> None:
    assert isinstance(row, protocol)


async def test_a_row_comes_back_with_the_values_it_was_stored_with(db: AsyncSession) -> None:
    user = await saved(db, User(email="ada@example.com", name="Ada", image="https://i.example/a.png", scopes=["a"]))
    account = Account(
        user_id=user.id,
        provider="p",
        provider_account_id="1",
        access_token="at",
        refresh_token="rt",
        expires_at=SOON,
        token_type="Bearer",
        scope="openid",
        id_token="it",
    )
    await saved(db, account)
    await saved(db, Session(user_id=user.id, expires_at=SOON, ip_address="::1", user_agent="curl"))
    await saved(db, OAuthState(state="s", expires_at=SOON, code_verifier="v", redirect_url="/"))
    for model, row in ((User, user), (Account, account)):
        names = [attribute.key for attribute in inspect(model).column_attrs]
        stored = {name: getattr(row, name) for name in names}
        loaded = await reloaded(db, model)
        assert {name: getattr(loaded, name) for name in names} == stored
    assert (await reloaded(db, Session)).user_agent == "curl"
    assert (await reloaded(db, OAuthState)).code_verifier == "v"


async def test_an_id_is_a_random_uuid_and_comes_back_as_one(db: AsyncSession) -> None:
    user = await saved(db, User(email="a@b.example"))
    assert user.id.version == 4
    loaded = await reloaded(db, User)
    assert loaded.id == user.id
    assert isinstance(loaded.id, UUID)


async def test_timestamps_are_set_and_an_update_moves_the_second_one(db: AsyncSession) -> None:
    before = datetime.now(UTC)
    user = await saved(db, User(email="a@b.example"))
    assert before <= user.created_at <= user.updated_at <= datetime.now(UTC)
    created, updated = user.created_at, user.updated_at
    user.name = "Ada"
    await db.commit()
    loaded = await reloaded(db, User)
    assert loaded.created_at == created
    assert loaded.updated_at > updated


async def test_an_update_statement_moves_updated_at_too(db: AsyncSession) -> None:
    user = await saved(db, User(email="a@b.example"))
    updated = user.updated_at
    await db.execute(update(User).values(name="Ada"))
    assert (await reloaded(db, User)).updated_at > updated


async def test_an_address_is_unique(db: AsyncSession) -> None:
    await saved(db, User(email="a@b.example"))
    db.add(User(email="A@B.example"))
    with pytest.raises(IntegrityError):
        await db.flush()


async def test_an_address_is_folded_wherever_it_is_assigned(db: AsyncSession) -> None:
    user = await saved(db, User(email=" Ada@Example.COM "))
    assert user.email == "ada@example.com"
    user.email = "ADA@new.example"
    await db.commit()
    assert (await reloaded(db, User)).email == "ada@new.example"


async def test_scopes_changed_in_place_are_saved(db: AsyncSession) -> None:
    user = await saved(db, User(email="a@b.example", scopes=["read"]))
    user.scopes.append("write")
    await db.commit()
    assert (await reloaded(db, User)).scopes == ["read", "write"]


def test_a_lone_string_is_no_list_of_scopes() -> None:
    untyped: Any = User
    with pytest.raises(InvalidValueError, match="list, tuple or set of scopes"):
        untyped(email="a@b.example", scopes="admin")


async def test_a_state_is_unique(db: AsyncSession) -> None:
    await saved(db, OAuthState(state="s", expires_at=SOON))
    db.add(OAuthState(state="s", expires_at=SOON))
    with pytest.raises(IntegrityError):
        await db.flush()


@pytest.mark.parametrize(
    ("provider", "subject", "same_user"),
    [("p", "1", False), ("p", "2", True)],
    ids=["same subject, another user", "same user, another subject"],
)
async def test_a_subject_has_one_user_and_a_user_one_subject_at_a_provider(
    db: AsyncSession, provider: str, subject: str, same_user: bool
) -> None:
    user = await saved(db, User(email="a@b.example"))
    other = await saved(db, User(email="c@d.example"))
    await saved(db, Account(user_id=user.id, provider="p", provider_account_id="1"))
    owner = user if same_user else other
    db.add(Account(user_id=owner.id, provider=provider, provider_account_id=subject))
    with pytest.raises(IntegrityError):
        await db.flush()


async def test_subjects_and_providers_that_differ_in_case_are_different(db: AsyncSession) -> None:
    users = [await saved(db, User(email=f"{name}@b.example")) for name in "abc"]
    subjects = [("p", "abc"), ("p", "ABC"), ("P", "abc")]
    for user, (provider, subject) in zip(users, subjects, strict=True):
        await saved(db, Account(user_id=user.id, provider=provider, provider_account_id=subject))
    found = await db.scalars(select(Account).where(Account.provider == "p", Account.provider_account_id == "ABC"))
    assert [account.user_id for account in found] == [users[1].id]


async def test_accounts_and_sessions_go_with_their_user(db: AsyncSession) -> None:
    user = await saved(db, User(email="a@b.example"))
    await saved(db, Account(user_id=user.id, provider="p", provider_account_id="1"))
    await saved(db, Session(user_id=user.id, expires_at=SOON))
    await db.execute(delete(User).where(User.id == user.id))
    await db.commit()
    assert (await db.scalars(select(Account))).all() == []
    assert (await db.scalars(select(Session))).all() == []


async def test_an_account_of_nobody_is_refused(db: AsyncSession) -> None:
    db.add(Account(user_id=uuid4(), provider="p", provider_account_id="1"))
    with pytest.raises(IntegrityError):
        await db.flush()


@pytest.mark.parametrize(
    ("model", "columns"),
    [
        (User, {"email"}),
        (Session, {"user_id", "expires_at"}),
        (OAuthState, {"state", "expires_at"}),
    ],
)
def test_what_is_looked_up_is_indexed(model: Any, columns: set[str]) -> None:
    indexed = {column.name for index in model.__table__.indexes for column in index.columns}
    unique = {names[0] for names in unique_sets(model.__table__)}
    assert columns <= indexed | unique


def test_a_repr_shows_no_address_no_token_and_no_name() -> None:
    rows = [
        User(email="canary@example.com", name="canary", image="canary", scopes=["canary"]),
        Account(
            user_id=uuid4(),
            provider="p",
            provider_account_id="canary",
            access_token="canary",
            refresh_token="canary",
            id_token="canary",
            scope="canary",
        ),
        Session(user_id=uuid4(), expires_at=SOON, ip_address="canary", user_agent="canary"),
        OAuthState(state="canary", expires_at=SOON, code_verifier="canary", redirect_url="canary"),
    ]
    for row in rows:
        assert "canary" not in repr(row)
        assert repr(row).startswith(f"{type(row).__name__}(id=UUID(")


async def test_a_repr_loads_nothing(db: AsyncSession) -> None:
    user = await saved(db, User(email="a@b.example"))
    await db.rollback()
    db.expire(user)
    assert repr(user) == "User()"


class TestOfAnApplication:
    """Models that are not laid out as in the example."""

    @pytest.fixture
    def tables(self) -> Iterator[dict[str, Any]]:
        class Own(DeclarativeBase):
            pass

        class Team(Own):
            __tablename__ = "team"
            id: Mapped[int] = mapped_column(primary_key=True)

        class AppUser(Own, UserMixin):
            __tablename__ = "app_user"
            team_id: Mapped[int | None] = mapped_column(ForeignKey("team.id"), default=None)
            logins: Mapped[list["Login"]] = relationship(default_factory=list)
            secret_note: Mapped[str | None] = mapped_column(default=None)

        class Identity(AccountMixin, Own):
            __tablename__ = "identity"
            __table_args__ = ({"comment": "who is who"},)
            __user_key__ = "app_user.id"

        class Login(Own, SessionMixin):
            __tablename__ = "login"
            user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))

        class Pending(OAuthStateMixin, Own):
            __tablename__ = "pending"

        yield {"base": Own, "user": AppUser, "account": Identity, "session": Login, "state": Pending}
        Own.registry.dispose()

    def test_the_users_table_may_have_another_name(self, tables: dict[str, Any]) -> None:
        key = foreign_key(tables["account"].__table__)
        assert (key.target_fullname, key.ondelete) == ("app_user.id", "CASCADE")

    def test_a_foreign_key_of_its_own_is_left_alone(self, tables: dict[str, Any]) -> None:
        assert foreign_key(tables["session"].__table__).target_fullname == "app_user.id"

    def test_its_own_table_args_do_not_lose_the_unique_constraints(self, tables: dict[str, Any]) -> None:
        assert unique_sets(tables["account"].__table__) == {
            ("provider", "provider_account_id"),
            ("user_id", "provider"),
        }
        assert tables["account"].__table__.comment == "who is who"

    def test_its_own_columns_are_in_no_repr(self, tables: dict[str, Any]) -> None:
        assert "canary" not in repr(tables["user"](email="a@b.example", secret_note="canary"))

    async def test_it_works_on_a_base_of_its_own(self, tables: dict[str, Any], runtime: DatabaseRuntime) -> None:
        await runtime.create_all(tables["base"].metadata)
        async with runtime.session_maker() as db:
            user = await saved(db, tables["user"](email="A@b.example"))
            await saved(db, tables["account"](user_id=user.id, provider="p", provider_account_id="1"))
            await saved(db, tables["session"](user_id=user.id, expires_at=SOON))
            await db.refresh(user, ["logins"])
            assert [login.user_id for login in user.logins] == [user.id]
            assert (await reloaded(db, tables["user"])).email == "a@b.example"

    def test_an_abstract_model_has_no_constraints_yet(self) -> None:
        class Abstract(AccountMixin, Base):
            __abstract__ = True

        assert not hasattr(Abstract, "__table__")
