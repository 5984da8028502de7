"""What holds the engine: made once, on first use, and disposed with the application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Self

from sqlalchemy import URL, MetaData, event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import StaticPool

if TYPE_CHECKING:
    from belgie.alchemy.settings import DatabaseSettings


class DatabaseRuntime:
    """The engine, sessions and FastAPI dependency of one database."""

    def __init__(self, settings: "DatabaseSettings") -> None:
        self.settings = settings

    @cached_property
    def engine(self) -> AsyncEngine:
        """The engine, made on first use."""
        settings = self.settings
        if settings.type == "postgres":
            url = URL.create(
                "postgresql+asyncpg", settings.username, None, settings.host, settings.port, settings.database
            )
            return create_async_engine(url)
        url = URL.create("sqlite+aiosqlite", database=settings.database)
        if settings.database == ":memory:":
            engine = create_async_engine(url, poolclass=StaticPool)
        else:
            engine = create_async_engine(url)

        @event.listens_for(engine.sync_engine, "connect")
        def _pragmas(connection, _record) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.close()

        return engine

    @cached_property
    def session_maker(self) -> async_sessionmaker[AsyncSession]:
        """Makes sessions whose objects stay readable after a commit."""
        return async_sessionmaker(self.engine, expire_on_commit=False)

    @cached_property
    def dependency(self):
        """The FastAPI dependency: one session a request."""

        async def session() -> AsyncGenerator[AsyncSession]:
            async with self.session_maker() as opened:
                yield opened

        return session

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """A session for scripts and background work."""
        async with self.session_maker() as opened:
            yield opened

    async def create_all(self, metadata: MetaData) -> None:
        """Create the tables that are missing."""
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def dispose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.dispose()
