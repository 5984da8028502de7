"""What a developer writes by hand with FastAPI and SQLAlchemy, as their documentations show it.

`join` loads session and user in one statement, `two` one after the other. The cookie is the session's plain id.
"""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from benchmarks.contenders.serving import arguments, serve
from benchmarks.plain_models import PlainSession as Session
from benchmarks.plain_models import PlainUser as User
from fastapi import Depends, FastAPI, HTTPException, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

options = arguments("join", "two")
is_sqlite = options.url.startswith("sqlite")
engine = create_async_engine(options.url)
session_maker = async_sessionmaker(engine, expire_on_commit=False)


async def get_db() -> AsyncGenerator[AsyncSession]:
    async with session_maker() as session:
        yield session


type Database = Annotated[AsyncSession, Depends(get_db)]


def now() -> datetime:
    """Return the present moment as the column gives it back."""
    return datetime.now(UTC).replace(tzinfo=None) if is_sqlite else datetime.now(UTC)


async def by_join(db: AsyncSession, session_id: UUID) -> User | None:
    statement = select(Session, User).join(User, User.id == Session.user_id).where(Session.id == session_id)
    row = (await db.execute(statement)).one_or_none()
    return None if row is None or row[0].expires_at <= now() else row[1]


async def by_two_selects(db: AsyncSession, session_id: UUID) -> User | None:
    session = (await db.execute(select(Session).where(Session.id == session_id))).scalar_one_or_none()
    if session is None or session.expires_at <= now():
        return None
    return (await db.execute(select(User).where(User.id == session.user_id))).scalar_one_or_none()


look_up = by_two_selects if options.way == "two" else by_join


async def current_user(request: Request, db: Database) -> User:
    try:
        session_id = UUID(request.cookies.get("session", ""))
    except ValueError:
        raise HTTPException(401, "not_authenticated") from None
    user = await look_up(db, session_id)
    if user is None:
        raise HTTPException(401, "not_authenticated")
    return user


app = FastAPI()


@app.get("/me")
async def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
    return {"id": user.id.hex, "email": user.email}


if __name__ == "__main__":
    serve(app, cookie=f"session={options.session}")
