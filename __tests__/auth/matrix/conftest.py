"""The servers, the database and the invariants of the attack matrix.

The servers start once; each test gets an application of its own on them, on an empty database, once on SQLite and
once on PostgreSQL. The `row` fixture asserts after every test what the matrix wants to hold after every row.
"""

import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from __tests__.auth.hostile.browser import Browser, new_client
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.records import Records, every_logger_at_debug
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site, Stage, build, empty

from auth import HTTPSettings
from belgie.alchemy import DatabaseRuntime, DatabaseSettings

type Launch = Callable[..., Awaitable[Site]]


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The provider's, the attacker's and the application's servers."""
    started = Stage.start(tmp_path_factory.mktemp("certificates"))
    yield started
    started.stop()


@pytest.fixture(scope="session", params=["sqlite", "postgres"])
def database(
    request: pytest.FixtureRequest, stage: Stage, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseSettings]:
    """The settings of a database for all rows."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("matrix") / "matrix.db"
        yield cast("DatabaseSettings", DatabaseSettings(type="sqlite", database=str(path)))
        return
    dsn: str = request.getfixturevalue("postgres_dsn")
    stage.outside.call(_execute(dsn, "CREATE DATABASE matrix TEMPLATE template0"))
    yield DatabaseSettings.from_url(dsn.rsplit("/", 1)[0] + "/matrix")
    stage.outside.call(_execute(dsn, "DROP DATABASE matrix WITH (FORCE)"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
def records(stage: Stage) -> Iterator[Records]:
    """Everything that the application's side logs, with every logger of every library open at DEBUG."""
    handler = Records(threading.current_thread(), stage.outside.thread)
    with every_logger_at_debug():
        logging.getLogger().addHandler(handler)
        yield handler
        logging.getLogger().removeHandler(handler)


@pytest.fixture
async def row(stage: Stage, database: DatabaseSettings, records: Records) -> AsyncIterator[Row]:
    """The row under test: an empty database before, and every invariant after."""
    stage.reset()
    await stage.inside.run(_empty(database))
    current = Row(stage, records)
    async with new_client(stage.authority.file) as client:
        current.client = client
        yield current
        try:
            await current.check()
        finally:
            for site in reversed(current.sites):
                await site.close()


async def _empty(database: DatabaseSettings) -> None:
    async with DatabaseRuntime(database.model_copy()) as runtime:
        await empty(runtime)


@pytest.fixture
def launch(stage: Stage, database: DatabaseSettings, row: Row) -> Launch:
    """Start an application that differs from the defaults; it takes the place of the one before."""

    async def start(*, db: Mapping[str, Any] | None = None, **options: Any) -> Site:
        site = build(stage, database.model_copy(update=dict(db or {})), **options)
        site.client = row.client
        site.mount()
        row.sites.append(site)
        return site

    return start


@pytest.fixture
async def site(launch: Launch) -> Site:
    """The application with production defaults."""
    return await launch()


@pytest.fixture
async def https_site(launch: Launch, stage: Stage, row: Row) -> Site:
    """The application as it is deployed: https://app.example, with a provider on https."""
    row.honest_provider = "secure"
    return await launch(
        base_url="https://app.example",
        providers={"secure": stage.secure},
        http=HTTPSettings(ca_file=stage.authority.file, allow_private_networks=True),
    )


@pytest.fixture
def op(stage: Stage) -> HostileProvider:
    return stage.op


@pytest.fixture
def evil(stage: Stage) -> HostileProvider:
    return stage.evil


@pytest.fixture
def canary(stage: Stage) -> HostileProvider:
    """A server that nothing should ever talk to."""
    return stage.canary


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()


@pytest.fixture
def ca_folder(tmp_path: Path) -> Path:
    return tmp_path
