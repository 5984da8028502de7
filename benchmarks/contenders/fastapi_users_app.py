# /// script
# requires-python = ">=3.12"
# dependencies = [
#     "aiosqlite>=0.21",
#     "asyncpg>=0.31",
#     "fastapi-users[sqlalchemy]>=15,<16",
#     "httptools>=0.7",
#     "sqlalchemy[asyncio]>=2,<2.1",
#     "uvicorn>=0.40",
#     "uvloop>=0.22",
# ]
# ///
"""fastapi-users with its cookie transport and database strategy, as its documentation shows it.

Its SQLAlchemy adapter needs an older SQLAlchemy than belgie, so it has an environment of its own.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID, uuid4

from benchmarks.contenders.serving import arguments, serve  # ty: ignore[import-not-found]  the script's own environment
from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin  # ty: ignore[import-not-found]  the script's own environment
from fastapi_users.authentication import AuthenticationBackend, CookieTransport  # ty: ignore[import-not-found]  the script's own environment
from fastapi_users.authentication.strategy import DatabaseStrategy  # ty: ignore[import-not-found]  the script's own environment
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase  # ty: ignore[import-not-found]  the script's own environment
from fastapi_users_db_sqlalchemy.access_token import (  # ty: ignore[import-not-found]  the script's own environment
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

options = arguments()
engine = create_async_engine(options.url)
session_maker = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    pass


class User(SQLAlchemyBaseUserTableUUID, Base):
    pass


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    pass


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    pass


async def get_db() -> AsyncGenerator[AsyncSession]:
    async with session_maker() as session:
        yield session


type Database = Annotated[AsyncSession, Depends(get_db)]


async def get_users(db: Database) -> AsyncGenerator[Any]:
    yield SQLAlchemyUserDatabase(db, User)


async def get_tokens(db: Database) -> AsyncGenerator[Any]:
    yield SQLAlchemyAccessTokenDatabase(db, AccessToken)


async def get_user_manager(users: Annotated[Any, Depends(get_users)]) -> AsyncGenerator[UserManager]:
    yield UserManager(users)


def get_strategy(tokens: Annotated[Any, Depends(get_tokens)]) -> Any:
    return DatabaseStrategy(tokens, lifetime_seconds=7 * 24 * 3600)


backend = AuthenticationBackend(name="database", transport=CookieTransport(), get_strategy=get_strategy)
current_user = FastAPIUsers[User, UUID](get_user_manager, [backend]).current_user(active=True)
app = FastAPI()


@app.get("/me")
async def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
    return {"id": user.id.hex, "email": user.email}


async def prepare(rows: int) -> str:
    """Make as many tokens, ten for each user, as the other contenders have sessions; return the token of one."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        if not await connection.scalar(select(func.count()).select_from(AccessToken)):
            ids = [uuid4() for _ in range(max(rows // 10, 1))]
            common = {"hashed_password": "-", "is_active": True, "is_superuser": False, "is_verified": True}
            users = [{"id": each, "email": f"user{n}@example.com", **common} for n, each in enumerate(ids, 1)]
            await connection.execute(insert(User), users)
            now = datetime.now(UTC)
            tokens = [
                {"token": secrets.token_urlsafe(), "user_id": each, "created_at": now}
                for each in ids
                for _ in range(10)
            ]
            await connection.execute(insert(AccessToken), tokens)
        token = await connection.scalar(select(AccessToken.token).order_by(AccessToken.token).limit(1))
    await engine.dispose()
    return str(token)


if __name__ == "__main__":
    serve(app, cookie=f"fastapiusersauth={asyncio.run(prepare(options.rows))}")
