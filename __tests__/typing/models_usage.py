"""Documented usages of the models, for the type checkers; nothing here is run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_type
from uuid import UUID, uuid4

from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from belgie.alchemy import AlchemyAdapter, Base, DatabaseSettings, PrimaryKeyMixin, TimestampMixin, UserMixin
from proto import (
    AccountProtocol,
    AccountUserProtocol,
    AdapterProtocol,
    DatabaseProtocol,
    DBConnection,
    OAuthStateCleanupProtocol,
    OAuthStateProtocol,
    SessionExtensionProtocol,
    SessionProtocol,
    SessionUserProtocol,
    TransactionProtocol,
    UserAccountsProtocol,
    UserProtocol,
    UserSessionsProtocol,
)


class Member(UserMixin, Base):
    __tablename__ = "members"

    plan: Mapped[str] = mapped_column(default="free")


class Post(PrimaryKeyMixin, TimestampMixin, Base):
    __tablename__ = "posts"

    title: Mapped[str]


class Shelf(Base):
    __tablename__ = "shelves"

    label: Mapped[str | None] = mapped_column(default=None)
    id: Mapped[int] = mapped_column(primary_key=True)


def takes_rows(
    user: UserProtocol[str],
    account: AccountProtocol,
    session: SessionProtocol,
    state: OAuthStateProtocol,
) -> tuple[UUID, UUID, UUID, UUID]:
    return user.id, account.id, session.id, state.id


def rows_satisfy_the_protocols(user: User, account: Account, session: Session, state: OAuthState) -> None:
    takes_rows(user, account, session, state)


def values_on_a_row(user: User, account: Account, session: Session, state: OAuthState, post: Post) -> None:
    assert_type(user.id, UUID)
    assert_type(user.email, str)
    assert_type(user.name, str | None)
    assert_type(user.scopes, list[str] | None)
    assert_type(user.created_at, datetime)
    assert_type(account.user_id, UUID)
    assert_type(account.access_token, str | None)
    assert_type(session.expires_at, datetime)
    assert_type(state.code_verifier, str | None)
    assert_type(post.title, str)
    assert_type(post.updated_at, datetime)
    user.name = "Ada"
    if user.scopes is not None:
        user.scopes.append("admin")


def rows_fit_into_a_set(user: User, post: Post, shelf: Shelf) -> set[Base]:
    return {user, post, shelf, Shelf(id=1)}


def expressions_on_a_class() -> Select[User, datetime]:
    assert_type(User.id, InstrumentedAttribute[UUID])
    assert_type(User.email, InstrumentedAttribute[str])
    assert_type(Member.email, InstrumentedAttribute[str])
    assert_type(Member.plan, InstrumentedAttribute[str])
    assert_type(Account.expires_at, InstrumentedAttribute[datetime | None])
    assert_type(Session.user_id, InstrumentedAttribute[UUID])
    assert_type(OAuthState.state, InstrumentedAttribute[str])
    assert_type(Post.created_at, InstrumentedAttribute[datetime])
    return (
        select(User, Session.expires_at)
        .join(Session, Session.user_id == User.id)
        .where(User.email == "ada@example.com", Session.expires_at > datetime.now(UTC), User.name.is_not(None))
        .order_by(User.created_at.desc())
    )


def constructors_are_typed() -> list[Base]:
    user = User(email="ada@example.com")
    return [
        User(email="ada@example.com", id=uuid4(), name="Ada", scopes=["admin"], created_at=datetime.now(UTC)),
        Member(email="ada@example.com", plan="paid"),
        Post(title="Notes"),
        Account(user_id=user.id, provider="google", provider_account_id="1", access_token="opaque"),
        Session(user_id=user.id, expires_at=datetime.now(UTC), ip_address="192.0.2.1"),
        OAuthState(state="digest", expires_at=datetime.now(UTC), redirect_url="/"),
    ]


def an_adapter_knows_its_models() -> AlchemyAdapter[User, Account, Session, OAuthState]:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=settings)
    assert_type(adapter, AlchemyAdapter[User, Account, Session, OAuthState])
    members = AlchemyAdapter(user=Member, account=Account, session=Session, oauth_state=OAuthState, db=settings.runtime)
    assert_type(members, AlchemyAdapter[Member, Account, Session, OAuthState])
    takes_adapter(adapter, adapter)
    takes_capabilities(
        account_user=adapter,
        cleanup=adapter,
        extension=adapter,
        session_user=adapter,
        transaction=adapter,
        user_accounts=adapter,
        user_sessions=adapter,
    )
    return adapter


def takes_adapter(
    adapter: AdapterProtocol[User, Account, Session, OAuthState],
    database: DatabaseProtocol,
) -> tuple[AdapterProtocol[User, Account, Session, OAuthState], DatabaseProtocol]:
    return adapter, database


def takes_capabilities(
    *,
    account_user: AccountUserProtocol[User, Account],
    cleanup: OAuthStateCleanupProtocol,
    extension: SessionExtensionProtocol,
    session_user: SessionUserProtocol[User, Session],
    transaction: TransactionProtocol,
    user_accounts: UserAccountsProtocol[Account],
    user_sessions: UserSessionsProtocol[Session],
) -> tuple[object, ...]:
    return account_user, cleanup, extension, session_user, transaction, user_accounts, user_sessions


async def methods_return_the_models(
    adapter: AlchemyAdapter[User, Account, Session, OAuthState],
    db: AsyncSession,
) -> None:
    connection: DBConnection = db
    async with adapter.transaction(connection):
        user = await adapter.create_user(db, "ada@example.com", name="Ada", email_verified=True)
    assert_type(user, User)
    assert_type(await adapter.get_user_by_email(db, user.email), User | None)
    assert_type(await adapter.update_user(db, user.id, name="Ada", scopes=["admin"]), User | None)
    assert_type(await adapter.get_account_and_user(db, "google", "1"), tuple[Account, User] | None)
    session = await adapter.create_session(db, user.id, datetime.now(UTC))
    assert_type(session, Session)
    assert_type(await adapter.get_session_and_user(db, session.id), tuple[Session, User] | None)
    assert_type(await adapter.list_sessions(db, user.id), Sequence[Session])
    assert_type(await adapter.list_accounts(db, user.id), Sequence[Account])
    assert_type(await adapter.get_oauth_state(db, "digest"), OAuthState | None)
    assert_type(await adapter.delete_expired_sessions(db), int)
