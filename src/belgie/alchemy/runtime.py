"""What holds the engine: made once, on first use, and disposed with the application."""

import asyncio
import os
import threading
import time
import weakref
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

from sqlalchemy import MetaData, Pool, QueuePool, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from belgie.alchemy.dependency import NotingSession, SessionDependency
from belgie.alchemy.errors import forget_values, is_hopeless, translated
from belgie.alchemy.logs import hide_values
from belgie.alchemy.postgres import postgres_engine
from belgie.alchemy.sqlite import MemoryAnchor, sqlite_engine
from proto import UnavailableError

if TYPE_CHECKING:
    from belgie.alchemy.settings import DatabaseSettings, PostgresSettings, SqliteSettings

_alive: "weakref.WeakSet[DatabaseRuntime]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Ping:
    """A database's answer."""

    latency: float
    """Seconds from the question to the answer, with the time to connect if there was no connection."""
    version: str
    """The server's version, or SQLite's."""


@dataclass(frozen=True, slots=True)
class Connections:
    """How a pool stands, for metrics and tests."""

    in_use: int
    idle: int


class RuntimeSlot:
    """Where a settings object keeps its runtime; it takes no part in comparing, copying and pickling the settings."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.runtime: DatabaseRuntime | None = None

    def __eq__(self, other: object) -> bool:
        """Be equal to every other, so that equal settings are equal."""
        return isinstance(other, RuntimeSlot)

    def __hash__(self) -> int:
        """Agree with `__eq__`."""
        return hash(RuntimeSlot)

    def __reduce__(self) -> tuple[type["RuntimeSlot"], tuple[()]]:
        """Be empty on the other side."""
        return RuntimeSlot, ()


class DatabaseRuntime:
    """The engine, the sessions and the FastAPI dependency of one database.

    A settings object has one runtime: `DatabaseRuntime(settings)` returns the same object each time, and nothing is
    connected before it is needed. After `dispose()` the next use connects again.
    """

    settings: "DatabaseSettings"
    dependency: Callable[..., AsyncGenerator[AsyncSession]]
    """The FastAPI dependency, for `Depends(runtime.dependency)`: one session a request, never committed by itself,
    closed before the answer is sent."""

    def __new__(cls, settings: "DatabaseSettings") -> Self:
        """Return the runtime of `settings`."""
        slot = settings._slot  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - kept for this class
        with slot.lock:
            found = slot.runtime
            if not isinstance(found, cls):
                found = super().__new__(cls)
                found.settings = settings
                found._set_up()
                slot.runtime = found
        return found

    def _set_up(self) -> None:
        self._lock = threading.Lock()
        self._anchor = MemoryAnchor()
        self._engine: AsyncEngine | None = None
        self._session_maker: async_sessionmaker[AsyncSession] | None = None
        self._replica: DatabaseRuntime | None = None
        self._inherited: list[Pool] = []
        self.dependency = SessionDependency(self._open)
        _alive.add(self)

    @property
    def engine(self) -> AsyncEngine:
        """The engine, the same object as long as the runtime lives.

        Raises:
            OSError: The folder of an SQLite file, or a certificate, cannot be found.
        """
        engine = self._engine
        if engine is None:
            with self._lock:
                engine = self._engine
                if engine is None:
                    engine = self._engine = self._make_engine()
        return engine

    @property
    def session_maker(self) -> async_sessionmaker[AsyncSession]:
        """Makes sessions whose objects stay readable after a commit."""
        maker = self._session_maker
        if maker is None:
            maker = self._session_maker = async_sessionmaker(
                self.engine,
                expire_on_commit=False,
                autoflush=self.settings.autoflush,
                sync_session_class=NotingSession,
            )
        return maker

    @property
    def connections(self) -> Connections:
        """The pool's connections, in use and idle; none of either without a pool."""
        pool = self.engine.pool
        if isinstance(pool, QueuePool):
            return Connections(in_use=pool.checkedout(), idle=pool.checkedin())
        return Connections(in_use=0, idle=0)

    @property
    def replica(self) -> "DatabaseRuntime":
        """The runtime for reads that may be a little old: the replica's, or this one where there is none."""
        if self._replica is None:
            settings = self.settings.replica_settings
            self._replica = None if settings is None else DatabaseRuntime(settings)
        return self._replica or self

    @asynccontextmanager
    async def session(self) -> AsyncGenerator[AsyncSession]:
        """Give a session to a script or a background job: roll back what was not committed, and close it."""
        async with self.session_maker() as session:
            yield session

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """Give a session that commits when the block ends, and rolls back when it fails."""
        async with self.session_maker() as session, session.begin():
            yield session

    async def create_all(self, metadata: MetaData) -> None:
        """Create the tables that do not exist; a change of an existing table is a migration's business."""
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.create_all)

    async def drop_all(self, metadata: MetaData) -> None:
        """Drop the tables that exist, with all that is in them."""
        async with self.engine.begin() as connection:
            await connection.run_sync(metadata.drop_all)

    async def ping(self, timeout: float | None = None) -> Ping:  # noqa: ASYNC109 - a deadline for the whole question
        """Ask the database for its version.

        Args:
            timeout: Seconds to wait; by default, as long as the settings' timeouts allow.

        Raises:
            UnavailableError: It did not answer, or not in time.
            OSError: The folder of an SQLite file, or a certificate, cannot be found.
        """
        question = "SHOW server_version" if self.settings.type == "postgres" else "SELECT sqlite_version()"
        engine = self.engine
        start = time.perf_counter()
        with translated():
            async with asyncio.timeout(timeout), engine.connect() as connection:
                version = str(await connection.scalar(text(question)))
        return Ping(latency=time.perf_counter() - start, version=version)

    async def wait(self, timeout: float = 30.0) -> Ping:  # noqa: ASYNC109 - a deadline for all tries together
        """Wait for a database that is starting.

        Args:
            timeout: Seconds after which to give up.

        Raises:
            UnavailableError: It did not answer in time, or refused who asks; the cause is the last try's.
        """
        deadline = time.monotonic() + timeout
        pause = 0.05
        while True:
            try:
                return await self.ping(max(deadline - time.monotonic(), 0.01))
            except UnavailableError as error:
                if is_hopeless(error) or time.monotonic() + pause >= deadline:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 1.0)

    @asynccontextmanager
    async def lifespan(
        self,
        app: object = None,  # noqa: ARG002 - FastAPI passes it
        *,
        create_all: MetaData | None = None,
        wait: float = 30.0,
    ) -> AsyncGenerator[None]:
        """Wait for the database, and dispose when the application stops: `FastAPI(lifespan=runtime.lifespan)`.

        Args:
            app: What FastAPI passes; not used.
            create_all: Create these tables first, for which pass `functools.partial(runtime.lifespan, create_all=...)`.
            wait: Seconds to wait for the database.

        Raises:
            UnavailableError: The database did not answer in time.
        """
        try:
            await self.wait(wait)
            if create_all is not None:
                await self.create_all(create_all)
            yield
        finally:
            await self.dispose()

    async def dispose(self) -> None:
        """Close the connections that are not in use; a database in memory is gone. The next use connects again."""
        if self._engine is not None:
            await self._engine.dispose()
        self._anchor.release()
        if self._replica is not None:
            await self._replica.dispose()

    def forget_connections(self) -> None:
        """Go on with new connections, leaving the present ones open: a forked process does this by itself."""
        self._lock = threading.Lock()
        if self._engine is not None:
            self._inherited.append(self._engine.pool)  # closing its sockets and files would disturb the parent
            self._engine.sync_engine.dispose(close=False)

    def _open(self) -> AsyncSession:
        return self.session_maker()

    def _make_engine(self) -> AsyncEngine:
        settings = self.settings
        if settings.type == "postgres":
            engine = postgres_engine(cast("PostgresSettings", settings))
        else:
            engine = sqlite_engine(cast("SqliteSettings", settings), self._anchor)
        if settings.hide_parameters:
            hide_values()
            event.listen(engine.sync_engine, "handle_error", _forget)
        return engine

    async def __aenter__(self) -> Self:
        """Return the runtime; nothing is connected yet."""
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Dispose."""
        await self.dispose()

    def __repr__(self) -> str:
        """Show the settings, without the password."""
        return f"{type(self).__name__}({self.settings!r})"


def _after_fork() -> None:
    """Leave the parent's connections to the parent; the child makes its own."""
    for runtime in list(_alive):
        runtime.forget_connections()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _forget(context: ExceptionContext) -> None:
    forget_values(context.sqlalchemy_exception or context.original_exception)
