import asyncio
import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Integer,
    MetaData,
    Table,
    event,
    func,
    insert,
    inspect,
    literal,
    make_url,
    select,
    text,
    update,
)

from belgie.alchemy.errors import translated
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, SqliteSettings
from proto import UnavailableError

metadata = MetaData()
counters = Table("counters", metadata, Column("id", Integer, primary_key=True), Column("n", Integer))

WRITER = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
connection.execute("UPDATE counters SET n = n + 100")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.execute("COMMIT")
"""


@pytest.fixture(params=["memory", "file"])
def sqlite_settings(request: pytest.FixtureRequest) -> SqliteSettings:
    return request.getfixturevalue(f"sqlite_{request.param}_settings")


@pytest.fixture
async def sqlite(sqlite_settings: SqliteSettings) -> AsyncIterator[DatabaseRuntime]:
    async with DatabaseRuntime(sqlite_settings) as runtime:
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(counters).values(id=1, n=0))
        yield runtime


async def _value(runtime: DatabaseRuntime) -> int | None:
    async with runtime.session() as session:
        return await session.scalar(select(counters.c.n))


async def _pragma(runtime: DatabaseRuntime, name: str) -> Any:
    async with runtime.engine.connect() as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))


@pytest.mark.parametrize("database", ["./app.db", ":memory:"])
def test_the_engine_has_sqlalchemy_s_url(database: str) -> None:
    settings = DatabaseSettings(type="sqlite", database=database)
    assert settings.engine.url == make_url(f"sqlite+aiosqlite:///{database}")


def test_a_path_object_is_a_path(tmp_path: Path) -> None:
    assert DatabaseSettings(type="sqlite", database=tmp_path / "x.db").database == str(tmp_path / "x.db")


async def test_a_file_is_in_wal_mode_with_foreign_keys(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        assert await _pragma(runtime, "foreign_keys") == 1
        assert await _pragma(runtime, "journal_mode") == "wal"
        assert await _pragma(runtime, "synchronous") == 1
        assert await _pragma(runtime, "busy_timeout") == 5000


async def test_the_pragmas_are_settings(tmp_path: Path) -> None:
    settings = SqliteSettings(
        database=tmp_path / "x.db",
        enable_foreign_keys=False,
        journal_mode="delete",
        synchronous="full",
        busy_timeout=0.25,
    )
    async with settings.runtime as runtime:
        assert await _pragma(runtime, "foreign_keys") == 0
        assert await _pragma(runtime, "journal_mode") == "delete"
        assert await _pragma(runtime, "synchronous") == 2
        assert await _pragma(runtime, "busy_timeout") == 250


async def test_the_folder_of_the_file_must_exist(tmp_path: Path) -> None:
    settings = DatabaseSettings(type="sqlite", database=tmp_path / "missing" / "x.db")
    with pytest.raises(FileNotFoundError, match="the folder of the SQLite database does not exist"):
        await settings.runtime.ping()
    (tmp_path / "missing").mkdir()
    await settings.runtime.ping()
    await settings.runtime.dispose()


async def test_a_relative_path_does_not_move_with_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = DatabaseSettings(type="sqlite", database="here.db")
    await settings.runtime.create_all(metadata)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    async with settings.runtime as runtime:
        await asyncio.gather(*(runtime.ping() for _ in range(4)))
        assert await _value(runtime) is None
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("name", ["with space.db", "per%20cent.db", "hash#1.db", "question?.db", "ünïcode.db"])
async def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    async with DatabaseSettings(type="sqlite", database=tmp_path / name).runtime as runtime:
        await runtime.create_all(metadata)
    assert (tmp_path / name).is_file()


async def test_a_file_uri_may_open_read_only(sqlite_file_settings: SqliteSettings) -> None:
    await sqlite_file_settings.runtime.create_all(metadata)
    await sqlite_file_settings.runtime.dispose()
    uri = f"file:{sqlite_file_settings.database}?mode=ro"
    for settings in (
        SqliteSettings(database=uri, read_only=True),
        DatabaseSettings.from_url(f"sqlite:///{uri}&uri=true", read_only=True),
        SqliteSettings(database=sqlite_file_settings.database, read_only=True),
    ):
        async with settings.runtime as runtime:
            assert await _value(runtime) is None
            with pytest.raises(UnavailableError), translated():
                async with runtime.transaction() as session:
                    await session.execute(insert(counters))


async def test_a_memory_uri_shared_by_its_name_works() -> None:
    async with DatabaseSettings(type="sqlite", database="file:named?mode=memory&cache=shared").runtime as runtime:
        await runtime.create_all(metadata)
        assert await _value(runtime) is None


def test_a_memory_uri_that_no_two_connections_share_is_refused() -> None:
    with pytest.raises(ValueError, match="write ':memory:'"):
        DatabaseSettings(type="sqlite", database="file:x?mode=memory")


async def test_all_sessions_of_a_runtime_share_one_memory_database(sqlite_memory_settings: SqliteSettings) -> None:
    async with DatabaseRuntime(sqlite_memory_settings) as runtime:
        await runtime.create_all(metadata)
        async with runtime.session() as one, sqlite_memory_settings.session_maker() as two:
            await one.execute(insert(counters).values(n=7))
            await one.commit()
            assert await two.scalar(select(counters.c.n)) == 7
            assert await one.connection() is not await two.connection()


async def test_two_settings_objects_have_two_memory_databases() -> None:
    one, two = (DatabaseSettings(type="sqlite", database=":memory:") for _ in range(2))
    await one.runtime.create_all(metadata)
    async with two.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await one.runtime.dispose()
    await two.runtime.dispose()


async def test_a_memory_database_lives_until_it_is_disposed_of(sqlite_memory_settings: SqliteSettings) -> None:
    runtime = sqlite_memory_settings.runtime
    await runtime.create_all(metadata)
    await runtime.engine.dispose()  # every connection is closed, and the database is still there
    assert await _value(runtime) is None
    await runtime.dispose()
    async with runtime.engine.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []
    await runtime.dispose()


async def test_what_is_rolled_back_nobody_sees(sqlite: DatabaseRuntime) -> None:
    seen: list[int | None] = []

    async def write() -> None:
        async with sqlite.session() as session:
            await session.execute(update(counters).values(n=99))
            await asyncio.sleep(0.2)
            await session.rollback()

    async def read() -> None:
        await asyncio.sleep(0.05)
        seen.append(await _value(sqlite))

    await asyncio.gather(write(), *(read() for _ in range(5)))
    assert seen == [0] * 5


async def test_concurrent_transactions_do_not_mix(sqlite: DatabaseRuntime) -> None:
    async def add(*, fail: bool) -> None:
        async with sqlite.session() as session:
            await session.execute(update(counters).values(n=counters.c.n + 1))
            await asyncio.sleep(0.001)
            await (session.rollback() if fail else session.commit())

    await asyncio.gather(*(add(fail=number % 2 == 0) for number in range(40)))
    assert await _value(sqlite) == 20
    assert sqlite.connections.in_use == 0


async def test_two_hundred_writers_all_get_their_turn(sqlite: DatabaseRuntime) -> None:
    async def add() -> None:
        async with sqlite.transaction() as session:
            await session.execute(update(counters).values(n=counters.c.n + 1))

    await asyncio.gather(*(add() for _ in range(200)))
    assert await _value(sqlite) == 200
    assert sqlite.connections.in_use == 0


async def test_a_read_before_a_write_never_fails_for_a_stale_snapshot(sqlite: DatabaseRuntime) -> None:
    async def add() -> None:
        async with sqlite.transaction() as session:
            await session.scalar(select(counters.c.n))
            await asyncio.sleep(0.001)
            await session.execute(update(counters).values(n=counters.c.n + 1))

    await asyncio.gather(*(add() for _ in range(40)))
    assert await _value(sqlite) == 40


async def test_a_select_for_update_keeps_other_writers_out(sqlite: DatabaseRuntime) -> None:
    async def add() -> None:
        async with sqlite.transaction() as session:
            found = await session.scalar(select(counters.c.n).with_for_update())
            await asyncio.sleep(0.001)
            await session.execute(update(counters).values(n=(found or 0) + 1))

    await asyncio.gather(*(add() for _ in range(20)))
    assert await _value(sqlite) == 20


async def test_a_read_takes_no_write_lock(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.session() as reader, runtime.session() as writer:
            await reader.execute(select(counters))
            await writer.execute(insert(counters))
            await reader.execute(select(counters))
            await writer.commit()
            assert await reader.scalar(select(func.count()).select_from(counters)) == 1


async def test_a_reader_of_a_file_does_not_wait_for_a_writer(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.session() as writer, runtime.session() as reader:
            await writer.execute(insert(counters))
            start = time.perf_counter()
            assert await reader.scalar(select(func.count()).select_from(counters)) == 0
            assert time.perf_counter() - start < 1
            await writer.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "WITH more AS (SELECT 1 AS by) UPDATE counters SET n = n + (SELECT by FROM more)",
        "  with more as (select 1 as by) insert into counters (n) select by from more",
        "CREATE TABLE others (id INTEGER)",
        "/* why */ -- and how\n CREATE TABLE others (id INTEGER)",
        "-- why\nWITH more AS (SELECT 1 AS by) DELETE FROM counters WHERE n < (SELECT by FROM more)",
        "DROP TABLE counters",
        "ALTER TABLE counters ADD COLUMN m INTEGER",
        "INSERT INTO counters (n) VALUES (1)",
        "REPLACE INTO counters (id, n) VALUES (1, 5)",
    ],
)
async def test_every_kind_of_write_can_be_rolled_back(sqlite: DatabaseRuntime, statement: str) -> None:
    async with sqlite.session() as session:
        before = (await session.execute(text("SELECT * FROM counters"))).all()
        tables = (await session.execute(text("SELECT name, sql FROM sqlite_master"))).all()
        await session.execute(text(statement))
        await session.rollback()
        assert (await session.execute(text("SELECT * FROM counters"))).all() == before
        assert (await session.execute(text("SELECT name, sql FROM sqlite_master"))).all() == tables


async def test_a_write_with_a_common_table_can_be_rolled_back(sqlite: DatabaseRuntime) -> None:
    more = select(literal(1).label("by")).cte("more")
    async with sqlite.session() as session:
        await session.execute(update(counters).values(n=select(more.c.by).scalar_subquery()).add_cte(more))
        await session.rollback()
    assert await _value(sqlite) == 0


async def test_a_savepoint_is_undone_with_its_transaction(sqlite: DatabaseRuntime) -> None:
    async with sqlite.session() as session:
        async with session.begin_nested():
            await session.execute(update(counters).values(n=5))
        await session.rollback()
        assert await session.scalar(select(counters.c.n)) == 0
        await session.execute(update(counters).values(n=1))
        with pytest.raises(ZeroDivisionError):
            async with session.begin_nested():
                await session.execute(update(counters).values(n=1 // 0))
        await session.commit()
    assert await _value(sqlite) == 1


async def test_tables_are_created_all_or_none(sqlite_memory_settings: SqliteSettings) -> None:
    broken = MetaData()
    Table("first", broken, Column("id", Integer, primary_key=True))
    Table("second", broken, Column("id", Integer, primary_key=True), Column("x", Integer, server_default=text("(")))
    async with sqlite_memory_settings.runtime as runtime:
        with pytest.raises(Exception, match="syntax error"):
            await runtime.create_all(broken)
        async with runtime.engine.connect() as connection:
            assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == []


async def test_autocommit_needs_no_transaction(sqlite: DatabaseRuntime) -> None:
    engine = sqlite.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text("WITH x AS (SELECT 3 AS n) UPDATE counters SET n = (SELECT n FROM x)"))
    assert await _value(sqlite) == 3
    async with sqlite.session() as session:
        await session.execute(update(counters).values(n=9))
        await session.rollback()
    assert await _value(sqlite) == 3


async def test_a_plain_write_is_one_statement(sqlite: DatabaseRuntime) -> None:
    statements: list[str] = []
    event.listen(sqlite.engine.sync_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    async with sqlite.transaction() as session:
        await session.execute(update(counters).values(n=1))
    assert [statement.split()[0] for statement in statements] == ["UPDATE"]


async def test_many_first_connections_at_once_all_succeed(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        await asyncio.gather(*(runtime.ping() for _ in range(60)))
        assert runtime.connections.in_use == 0


async def _lock(path: str, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment only
        [sys.executable, "-c", WRITER, path, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert await asyncio.to_thread(process.stdout.readline) == "locked\n"
    return process


async def test_a_writer_waits_for_another_process(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(counters).values(n=0))
        with await _lock(sqlite_file_settings.database, 1.0):
            start = time.perf_counter()
            async with runtime.transaction() as session:
                await session.execute(update(counters).values(n=counters.c.n + 1))
            assert time.perf_counter() - start > 0.5
        assert await _value(runtime) == 101


async def test_a_lock_that_outlasts_busy_timeout_is_unavailability(tmp_path: Path) -> None:
    settings = DatabaseSettings(type="sqlite", database=tmp_path / "x.db", busy_timeout=0.2)
    async with settings.runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(counters).values(n=0))
        with await _lock(settings.database, 1.0):
            async with runtime.session() as session:
                with pytest.raises(UnavailableError), translated():
                    await session.execute(update(counters).values(n=1))
                assert await session.scalar(select(counters.c.n)) == 0
        async with runtime.transaction() as session:
            await session.execute(update(counters).values(n=counters.c.n + 1))
        assert await _value(runtime) == 101
        assert runtime.connections.in_use == 0


async def test_a_full_disk_is_unavailability_and_nothing_is_half_written(sqlite_file_settings: SqliteSettings) -> None:
    async with sqlite_file_settings.runtime as runtime:
        await runtime.create_all(metadata)
        async with runtime.engine.connect() as connection:
            pages = await connection.scalar(text("PRAGMA page_count"))
            await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
            with pytest.raises(UnavailableError), translated():
                await connection.execute(insert(counters), [{"n": number} for number in range(100_000)])
            await connection.rollback()
            assert await connection.scalar(select(func.count()).select_from(counters)) == 0


async def test_a_file_that_is_no_database_is_unavailability(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database" * 100)
    async with DatabaseSettings(type="sqlite", database=tmp_path / "x.db").runtime as runtime:
        with pytest.raises(UnavailableError):
            await runtime.ping()


async def test_values_are_not_logged(sqlite: DatabaseRuntime, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with sqlite.session() as session:
        await session.execute(text("SELECT :secret"), {"secret": "hunter2-canary"})
    assert "hunter2-canary" not in caplog.text


async def test_echo_shows_statements_without_values(caplog: pytest.LogCaptureFixture) -> None:
    settings = DatabaseSettings(type="sqlite", database=":memory:", echo=True)
    async with settings.runtime as runtime, runtime.session() as session:
        await session.execute(text("SELECT :secret"), {"secret": "hunter2-canary"})
    assert "SELECT ?" in caplog.text
    assert "hunter2-canary" not in caplog.text


async def test_the_driver_logs_statements_without_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="aiosqlite"):
        async with (
            DatabaseSettings(type="sqlite", database=":memory:").runtime as runtime,
            runtime.session() as session,
        ):
            await session.execute(text("SELECT :secret"), {"secret": "hunter2-canary"})
    assert "'SELECT ?'" in caplog.text
    assert "hunter2-canary" not in caplog.text


def test_the_memory_database_needs_a_library_that_can_share_it() -> None:
    assert sqlite3.sqlite_version_info >= (3, 36)
