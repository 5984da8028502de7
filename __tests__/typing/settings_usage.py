"""How settings and runtimes are used: checked by ty and pyright, and never run."""

from collections.abc import AsyncGenerator, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, assert_type

from fastapi import Depends, FastAPI
from pydantic import BaseModel, SecretStr
from pydantic_settings import BaseSettings
from sqlalchemy import MetaData
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from belgie.alchemy import DatabaseRuntime, DatabaseSettings, PostgresSettings, SqliteSettings
from belgie.alchemy.databases import Databases
from belgie.alchemy.runtime import Ping
from proto import DatabaseProtocol

# Construction: the type decides.
sqlite = DatabaseSettings(type="sqlite", database="./app.db", echo=True)
assert_type(sqlite, SqliteSettings)
postgres = DatabaseSettings(type="postgres", host="db", port=5433, database="app", username="app", password="secret")
assert_type(postgres, PostgresSettings)
assert_type(DatabaseSettings(), DatabaseSettings)
assert_type(DatabaseSettings.model_validate({}), DatabaseSettings)
assert_type(DatabaseSettings(url="sqlite://"), DatabaseSettings)
assert_type(DatabaseSettings.from_url("postgresql://user:p%40ss@host:5433/db?sslmode=require"), DatabaseSettings)
assert_type(PostgresSettings.from_url(SecretStr("postgresql://u@h/d"), pool_size=3), PostgresSettings)
assert_type(PostgresSettings(host="db", database="app", username="app", password=SecretStr("secret")), PostgresSettings)
assert_type(SqliteSettings(database=Path("app.db"), busy_timeout=1.5), SqliteSettings)

# Fields.
assert_type(sqlite.database, str)
assert_type(postgres.password, SecretStr)
assert_type(postgres.port, int)


def narrow(settings: DatabaseSettings) -> str:
    """Tell the two apart."""
    if isinstance(settings, PostgresSettings):
        return settings.host
    if isinstance(settings, SqliteSettings):
        return settings.database
    return settings.type


# As a field of the application's own models.
class Application(BaseModel):
    """A model with a database."""

    database: DatabaseSettings
    databases: dict[str, DatabaseSettings]


class Configuration(BaseSettings):
    """Settings with a database."""

    database: DatabaseSettings


assert_type(Application(database=sqlite, databases={"main": postgres}).database, DatabaseSettings)

# The runtime.
runtime = DatabaseRuntime(sqlite)
assert_type(runtime, DatabaseRuntime)
assert_type(sqlite.runtime, DatabaseRuntime)
assert_type(runtime.settings, DatabaseSettings)
assert_type(runtime.engine, AsyncEngine)
assert_type(sqlite.engine, AsyncEngine)
assert_type(runtime.session_maker, async_sessionmaker[AsyncSession])
assert_type(sqlite.session_maker, async_sessionmaker[AsyncSession])
assert_type(runtime.dependency, Callable[..., AsyncGenerator[AsyncSession]])
assert_type(sqlite.dependency, Callable[..., AsyncGenerator[AsyncSession]])
assert_type(runtime.replica, DatabaseRuntime)

holders: list[DatabaseProtocol] = [runtime, sqlite, postgres]

# FastAPI.
Session = Annotated[AsyncSession, Depends(runtime.dependency)]
app = FastAPI(lifespan=runtime.lifespan)
other = FastAPI(lifespan=partial(runtime.lifespan, create_all=MetaData(), wait=5.0))


@app.get("/")
async def route(session: Session) -> int:
    """Use the request's session."""
    assert_type(session, AsyncSession)
    return 1


async def script() -> None:
    """Use the runtime outside FastAPI."""
    async with DatabaseRuntime(postgres) as opened:
        assert_type(opened, DatabaseRuntime)
        async with opened.session() as session:
            assert_type(session, AsyncSession)
        async with opened.transaction() as session:
            assert_type(session, AsyncSession)
        async for session in opened.dependency():
            assert_type(session, AsyncSession)
        assert_type(await opened.ping(), Ping)
        assert_type(await opened.wait(30), Ping)
        await opened.create_all(MetaData())
    async with opened.lifespan():
        pass


# Several databases.
databases = Databases({"analytics": postgres, "cache": "sqlite://", "main": {"type": "sqlite", "database": "x.db"}})
assert_type(databases["analytics"], DatabaseRuntime)
assert_type(databases.databases, dict[str, DatabaseSettings])
multiple = FastAPI(lifespan=databases.lifespan)
