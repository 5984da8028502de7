"""Documented usages of the models, for the type checkers; nothing here is run."""

from datetime import UTC, datetime
from typing import assert_type
from uuid import UUID, uuid4

from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column

from belgie.alchemy import Base, PrimaryKeyMixin, TimestampMixin, UserMixin
from proto import AccountProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


class Member(UserMixin, Base):
    __tablename__ = "members"

    plan: Mapped[str] = mapped_column(default="free")


class Post(PrimaryKeyMixin, TimestampMixin, Base):
    __tablename__ = "posts"

    title: Mapped[str]


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
