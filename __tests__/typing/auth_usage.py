"""The documented usage of `Auth`, for the type checkers: it is checked, not run."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, assert_type
from uuid import UUID

from examples.alchemy.auth_models import Account, OAuthState, Session, User
from fastapi import Depends, FastAPI, Response, Security
from sqlalchemy.ext.asyncio import AsyncSession

import auth as auth_package
import belgie
import proto
from belgie import AlchemyAdapter, Auth, AuthClient, AuthSettings, DatabaseRuntime, DatabaseSettings, HookContext, Hooks
from belgie.auth import AlchemyAdapter as SameAdapter
from belgie.auth.adapters.alchemy import AlchemyAdapter as StillTheSameAdapter
from belgie.auth.adapters.connection import DBConnection
from belgie.auth.adapters.protocols import AdapterProtocol
from belgie.auth.providers import GoogleProviderSettings, OIDCProviderSettings
from belgie.proto import AccountProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


class Scope(StrEnum):
    READ = "read"
    ADMIN = "admin"


async def greet(context: HookContext[User]) -> None:
    assert_type(context.user, User)
    assert_type(context.db, proto.DBConnection)


def audit(context: HookContext[User]) -> None:
    assert_type(context.user.email, str)


@asynccontextmanager
async def around(context: HookContext[User]) -> AsyncGenerator[None]:
    yield


database_settings = DatabaseSettings(type="sqlite", database="./app.db")
db_runtime = DatabaseRuntime(database_settings)
adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=database_settings)
as_protocol: AdapterProtocol[User, Account, Session, OAuthState] = adapter

auth = Auth(
    settings=AuthSettings(secret="0123456789abcdef0123456789abcdef", base_url="https://app.example"),
    adapter=adapter,
    providers={
        "google": GoogleProviderSettings(client_id="client", client_secret="secret"),
        "own": OIDCProviderSettings(issuer="https://id.example", client_id="client", client_secret="secret"),
    },
    hooks=Hooks(on_signup=greet, on_signin=[greet, audit, around]),
)
assert_type(auth, Auth[User, Account, Session, OAuthState])
from_environment = Auth(settings=AuthSettings(), adapter=adapter, providers={"google": GoogleProviderSettings()})
with_own_database = Auth(settings=AuthSettings(), adapter=adapter, db=db_runtime)

app = FastAPI()
app.include_router(auth.router)


@app.get("/me")
async def me(user: Annotated[User, Depends(auth.user)]) -> dict[str, str]:
    assert_type(user, User)
    return {"email": user.email}


@app.get("/admin")
async def admin(user: Annotated[User, Security(auth.user, scopes=["admin"])]) -> list[str] | None:
    return user.scopes


@app.get("/maybe")
async def maybe(user: Annotated[User | None, Depends(auth.optional_user)]) -> str:
    return "a stranger" if user is None else user.email


@app.post("/name", dependencies=[Depends(auth.same_origin)])
async def rename(
    user: Annotated[User, Depends(auth.user)], db: Annotated[AsyncSession, Depends(db_runtime.dependency)]
) -> None:
    user.name = "Ada"
    await db.commit()


@app.delete("/account")
async def delete(
    client: Annotated[AuthClient[User, Account, Session, OAuthState], Depends(auth)],
    user: Annotated[User, Depends(auth.fresh(300))],
) -> bool:
    assert_type(await client.list_sessions(user), Sequence[Session])
    return await client.delete_user(user)


@app.post("/own-sign-in")
async def own_sign_in(response: Response, db: Annotated[AsyncSession, Depends(db_runtime.dependency)]) -> str:
    user = await adapter.create_user(db, "ada@example.org", email_verified=True)
    assert_type(user, User)
    session = await adapter.create_session(db, user.id, datetime.now(UTC))
    assert_type(session, Session)
    auth.set_session_cookie(response, session)
    return auth.session_cookie(session)


async def script(db: AsyncSession) -> None:
    client = auth.client(db)
    assert_type(client, AuthClient[User, Account, Session, OAuthState])
    assert_type(await client.get_user_from_session(UUID(int=1)), User | None)
    assert_type(await client.sign_out(UUID(int=1)), bool)


type Rows = tuple[UserProtocol[str], AccountProtocol, SessionProtocol, OAuthStateProtocol, DBConnection]


def protocols(user: User, account: Account, session: Session, state: OAuthState, db: AsyncSession) -> Rows:
    return user, account, session, state, db


def scopes(user: User) -> None:
    assert_type(belgie.has_any_scope(user.scopes, [Scope.ADMIN]), bool)
    assert_type(belgie.validate_scopes(user.scopes, ["read", "admin"]), bool)


def same_objects() -> list[type[AlchemyAdapter[Any, Any, Any, Any]]]:
    assert auth_package.Auth is belgie.Auth
    return [SameAdapter, StillTheSameAdapter, belgie.AlchemyAdapter]
