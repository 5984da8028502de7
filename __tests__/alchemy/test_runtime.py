import asyncio
import gc
import json
import socket
import subprocess
import sys
import threading
import time
import weakref
from functools import partial
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Column, Integer, MetaData, QueuePool, Table, exc, func, insert, inspect, select
from sqlalchemy.util import greenlet_spawn

from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, PostgresSettings, SqliteSettings
from proto import DatabaseProtocol, UnavailableError

metadata = MetaData()
notes = Table("notes", metadata, Column("id", Integer, primary_key=True))


async def _count(runtime: DatabaseRuntime) -> int:
    async with runtime.session() as session:
        return (await session.scalar(select(func.count()).select_from(notes))) or 0


async def _insert_twice(runtime: DatabaseRuntime) -> None:
    async with runtime.transaction() as session:
        await session.execute(insert(notes).values(id=7))
        await session.execute(insert(notes).values(id=7))


async def test_nothing_is_connected_before_it_is_needed(runtime: DatabaseRuntime) -> None:
    assert runtime.connections.idle == 0
    await runtime.ping()
    assert runtime.connections.idle == 1


async def test_tables_are_created_once_and_dropped(runtime: DatabaseRuntime) -> None:
    await runtime.create_all(metadata)
    await runtime.create_all(metadata)
    async with runtime.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["notes"]
    await runtime.drop_all(metadata)
    async with runtime.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []


async def test_a_session_rolls_back_what_was_not_committed(runtime: DatabaseRuntime) -> None:
    await runtime.create_all(metadata)
    async with runtime.session() as session:
        await session.execute(insert(notes))
        await session.commit()
        await session.execute(insert(notes))
    assert await _count(runtime) == 1
    assert runtime.connections.in_use == 0


async def test_a_transaction_commits_at_the_end_or_not_at_all(runtime: DatabaseRuntime) -> None:
    await runtime.create_all(metadata)
    async with runtime.transaction() as session:
        await session.execute(insert(notes))
    with pytest.raises(exc.IntegrityError):
        await _insert_twice(runtime)
    assert await _count(runtime) == 1
    assert runtime.connections.in_use == 0


async def test_objects_stay_readable_after_a_commit(runtime: DatabaseRuntime) -> None:
    assert runtime.session_maker.kw["expire_on_commit"] is False
    assert runtime.session_maker is runtime.session_maker


def test_autoflush_is_a_setting() -> None:
    on = DatabaseSettings(type="sqlite", database=":memory:")
    off = DatabaseSettings(type="sqlite", database=":memory:", autoflush=False)
    assert on.session_maker().autoflush
    assert not off.session_maker().autoflush


async def test_many_tasks_and_threads_get_one_engine(database_settings: DatabaseSettings) -> None:
    barrier = threading.Barrier(8)
    found = []

    def ask() -> None:
        barrier.wait()
        found.append((DatabaseRuntime(database_settings), database_settings.engine))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(runtime) for runtime, _ in found}) == 1
    assert len({id(engine) for _, engine in found}) == 1


async def test_the_engine_stays_the_same_after_dispose_and_connects_again(
    sqlite_file_settings: SqliteSettings, postgres_settings: PostgresSettings
) -> None:
    for settings in (sqlite_file_settings, postgres_settings):
        runtime = settings.runtime
        engine = runtime.engine
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(notes))
        await runtime.dispose()
        assert runtime.engine is engine
        assert await _count(runtime) == 1
        await runtime.dispose()


async def test_ping_tells_latency_and_version(runtime: DatabaseRuntime) -> None:
    start = time.perf_counter()
    ping = await runtime.ping()
    assert 0 < ping.latency <= time.perf_counter() - start
    assert int(ping.version.split(".")[0]) >= 3
    assert runtime.connections.in_use == 0


async def test_ping_of_an_absent_server_is_unavailability_without_an_address(unused_tcp_port: int) -> None:
    settings = DatabaseSettings.from_url(f"postgresql://ada:secret@127.0.0.1:{unused_tcp_port}/app")
    with pytest.raises(UnavailableError) as caught:
        await settings.runtime.ping()
    assert "127.0.0.1" not in str(caught.value)
    with pytest.raises(UnavailableError):
        await settings.runtime.wait(0.2)


async def test_ping_keeps_its_deadline(postgres_settings: PostgresSettings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system accepts, and nobody answers
        runtime = postgres_settings.model_copy(update={"port": silent.getsockname()[1]}).runtime
        start = time.perf_counter()
        with pytest.raises(UnavailableError):
            await runtime.ping(timeout=0.2)
        assert time.perf_counter() - start < 5
        await runtime.dispose()


async def test_waiting_ends_when_the_database_answers(runtime: DatabaseRuntime) -> None:
    assert (await runtime.wait(5)).version == (await runtime.ping()).version


async def test_the_lifespan_creates_tables_and_disposes(runtime: DatabaseRuntime) -> None:
    app = FastAPI(lifespan=partial(runtime.lifespan, create_all=metadata))
    async with app.router.lifespan_context(app):
        assert await _count(runtime) == 0
        assert runtime.connections.idle > 0
    assert runtime.connections.idle == 0


async def test_the_lifespan_ends_with_an_error_when_the_database_never_answers(unused_tcp_port: int) -> None:
    runtime = DatabaseSettings.from_url(f"postgresql://a@127.0.0.1:{unused_tcp_port}/app").runtime
    app = FastAPI(lifespan=partial(runtime.lifespan, wait=0.1))
    with pytest.raises(UnavailableError):
        async with app.router.lifespan_context(app):
            pytest.fail("the application must not start")


async def test_a_runtime_is_disposed_when_its_block_ends(sqlite_file_settings: SqliteSettings) -> None:
    async with DatabaseRuntime(sqlite_file_settings) as runtime:
        await runtime.ping()
    assert runtime.connections.idle == 0


def test_runtime_and_settings_have_a_database_dependency(sqlite_memory_settings: SqliteSettings) -> None:
    assert isinstance(sqlite_memory_settings, DatabaseProtocol)
    assert isinstance(sqlite_memory_settings.runtime, DatabaseProtocol)


def test_settings_that_are_dropped_take_their_runtime_with_them() -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:")
    gone = weakref.ref(settings.runtime)
    assert settings.engine
    del settings
    gc.collect()
    assert gone() is None


def test_a_second_event_loop_works(database_settings: DatabaseSettings) -> None:
    runtime = database_settings.runtime

    async def use(*, last: bool) -> str:
        versions = {(await runtime.ping()).version for _ in range(3)}
        await asyncio.gather(*(runtime.ping() for _ in range(4)))
        if last:
            await runtime.dispose()
        return versions.pop()

    with asyncio.Runner() as first, asyncio.Runner() as second:
        version = first.run(use(last=False))
        assert second.run(use(last=False)) == version
        assert first.run(use(last=True)) == version


LOOPS = """
import asyncio, sys
from belgie.alchemy.settings import DatabaseSettings
runtime = DatabaseSettings.from_url(sys.argv[1]).runtime
for _ in range(3):
    print(asyncio.run(runtime.ping()).version)
asyncio.run(runtime.dispose())
print(runtime.connections.idle)
"""


def test_event_loops_that_were_closed_over_open_connections_are_no_obstacle(
    tmp_path: Path, postgres_database: str
) -> None:
    """In a process of its own: asyncio warns of the sockets that such a loop leaves behind."""
    for url in (f"sqlite:///{tmp_path}/loops.db", postgres_database):
        *versions, left = _run(LOOPS, url)
        assert len(set(versions)) == 1
        assert left == "0"


def test_a_second_running_event_loop_gets_a_clear_error(postgres_settings: PostgresSettings) -> None:
    runtime = postgres_settings.runtime

    async def main() -> None:
        await runtime.ping()
        with pytest.raises(RuntimeError, match="make one for each loop"):
            await asyncio.to_thread(asyncio.run, runtime.ping())
        await runtime.ping()
        await runtime.dispose()

    asyncio.run(main())


async def test_connections_that_are_forgotten_stay_open_for_the_parent(database_settings: DatabaseSettings) -> None:
    async with DatabaseRuntime(database_settings) as runtime:
        await runtime.ping()
        engine, left = runtime.engine, runtime.engine.pool
        assert isinstance(left, QueuePool)
        runtime.forget_connections()
        assert runtime.connections.idle == 0
        await runtime.ping()
        assert runtime.engine is engine
        assert left.checkedin() == runtime.connections.idle == 1
        await greenlet_spawn(left.dispose)


FORK = """
import asyncio, os, sys
from belgie.alchemy.settings import DatabaseSettings
runtime = DatabaseSettings.from_url(sys.argv[1]).runtime
with asyncio.Runner() as runner:
    runner.run(runtime.ping())
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(runtime.ping())
            asyncio.run(runtime.dispose())
        except Exception as error:
            print(type(error).__name__, error)
            os._exit(3)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    runner.run(runtime.ping())
    print(runtime.connections.idle)
    runner.run(runtime.dispose())
"""


def _run(program: str, url: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_forked_process_makes_its_own_connections(tmp_path: Path, postgres_database: str) -> None:
    for url in (f"sqlite:///{tmp_path}/forked.db", postgres_database):
        assert _run(FORK, url) == ["0", "1"]


def test_a_forked_process_is_told_that_a_memory_database_is_not_shared() -> None:
    said, code, _ = _run(FORK, "sqlite://")
    assert "not shared with a forked process" in said
    assert code == "3"


def test_belgie_alchemy_loads_neither_fastapi_nor_starlette() -> None:
    program = """
import sys, json, asyncio
from belgie.alchemy import DatabaseSettings
runtime = DatabaseSettings(type="sqlite", database=":memory:").runtime
async def main():
    async for session in runtime.dependency():
        assert session.bind is runtime.engine
    await runtime.dispose()
asyncio.run(main())
print(json.dumps([name for name in ("fastapi", "starlette", "asyncpg", "auth") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == []
