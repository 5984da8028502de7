"""Models of two kinds, an adapter over them, and a log of what reaches the database."""

from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from examples.alchemy import auth_models
from sqlalchemy import Engine, ForeignKey, MetaData, String, UniqueConstraint, event
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from belgie.alchemy import AlchemyAdapter, DatabaseRuntime, DateTimeUTC, Scopes


def now() -> datetime:
    return datetime.now(UTC)


class PlainBase(DeclarativeBase):
    """What an application had before belgie: no mixin, no dataclass, its own names for tables and columns."""


class Person(PlainBase):
    __tablename__ = "app_user"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column("email_address", unique=True)
    email_verified: Mapped[bool] = mapped_column(default=False)
    name: Mapped[str | None]
    image: Mapped[str | None]
    scopes: Mapped[list[str] | None] = mapped_column(Scopes())
    plan: Mapped[str] = mapped_column(default="free")
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now, onupdate=now)


class Identity(PlainBase):
    __tablename__ = "app_identity"
    __table_args__ = (UniqueConstraint("issuer", "provider_account_id"), UniqueConstraint("user_id", "issuer"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"))
    provider: Mapped[str] = mapped_column("issuer")
    provider_account_id: Mapped[str]
    access_token: Mapped[str | None]
    refresh_token: Mapped[str | None]
    expires_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    token_type: Mapped[str | None]
    scope: Mapped[str | None]
    id_token: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now, onupdate=now)


class Login(PlainBase):
    __tablename__ = "app_login"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("app_user.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC, index=True)
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now)
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now, onupdate=now)


class Pending(PlainBase):
    __tablename__ = "app_pending"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    state: Mapped[str] = mapped_column(unique=True)
    code_verifier: Mapped[str | None]
    redirect_url: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC, default=now)
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC)


@dataclass(frozen=True)
class Models:
    user: type[Any]
    account: type[Any]
    session: type[Any]
    oauth_state: type[Any]

    @property
    def metadata(self) -> MetaData:
        return self.user.metadata


MODELS = {
    "mixins": Models(auth_models.User, auth_models.Account, auth_models.Session, auth_models.OAuthState),
    "plain": Models(Person, Identity, Login, Pending),
}


@pytest.fixture(params=["mixins", "plain"])
def models(request: pytest.FixtureRequest) -> Models:
    """The four models, once over belgie's mixins and once on a plain declarative base."""
    return MODELS[request.param]


@pytest.fixture
async def adapter(models: Models, runtime: DatabaseRuntime) -> AlchemyAdapter[Any, Any, Any, Any]:
    """An adapter over an empty database with the tables of `models`."""
    await runtime.create_all(models.metadata)
    return AlchemyAdapter(
        user=models.user,
        account=models.account,
        session=models.session,
        oauth_state=models.oauth_state,
        db=runtime,
        purge_batch=10,
    )


@pytest.fixture
async def db(adapter: AlchemyAdapter[Any, Any, Any, Any]) -> AsyncIterator[AsyncSession]:
    """A session on the adapter's database."""
    async with adapter.db_runtime.session_maker() as session:
        yield session


@pytest.fixture
async def other_db(adapter: AlchemyAdapter[Any, Any, Any, Any]) -> AsyncIterator[AsyncSession]:
    """Another session on it: what it sees was committed."""
    async with adapter.db_runtime.session_maker() as session:
        yield session


@dataclass
class StatementLog:
    """What reached the database: statements by their first word, and commits."""

    statements: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    parameters: list[Any] = field(default_factory=list)
    commits: int = 0
    rollbacks: int = 0

    @contextmanager
    def on(self, engine: Engine) -> Generator["StatementLog"]:
        def executed(_connection: Any, _cursor: Any, text: str, parameters: Any, _context: Any, _many: bool) -> None:
            self.statements.append(text.split(maxsplit=1)[0])
            self.texts.append(text)
            self.parameters.append(parameters)

        def committed(_connection: Any) -> None:
            self.commits += 1

        def rolled_back(_connection: Any) -> None:
            self.rollbacks += 1

        listeners = (("before_cursor_execute", executed), ("commit", committed), ("rollback", rolled_back))
        for name, listener in listeners:
            event.listen(engine, name, listener)
        try:
            yield self
        finally:
            for name, listener in listeners:
                event.remove(engine, name, listener)


@dataclass(frozen=True)
class Rows:
    """One row of each model, committed."""

    user: Any
    account: Any
    session: Any
    state: Any


@pytest.fixture
async def rows(adapter: AlchemyAdapter[Any, Any, Any, Any]) -> Rows:
    """A user `ada@example.com` with the account `("op", "subject")`, a session, and the state `state`."""
    soon = now() + timedelta(hours=1)
    async with adapter.db_runtime.session_maker() as db:
        user = await adapter.create_user(db, "ada@example.com", name="Ada")
        return Rows(
            user=user,
            account=await adapter.create_account(db, user.id, "op", "subject", access_token="first"),
            session=await adapter.create_session(db, user.id, soon, "192.0.2.1", "browser"),
            state=await adapter.create_oauth_state(db, "state", soon, "verifier", "/after"),
        )


@pytest.fixture
def statement_log(adapter: AlchemyAdapter[Any, Any, Any, Any], rows: Rows) -> Iterator[StatementLog]:
    """What reaches the adapter's database once `rows` are there."""
    with StatementLog().on(adapter.db_runtime.engine.sync_engine) as log:
        yield log
