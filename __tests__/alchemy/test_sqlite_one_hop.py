"""What SQLAlchemy sees of an SQLite that is asked once a statement: what it would see of any other."""

import asyncio
import gc
import logging
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from belgie.alchemy.one_hop import OneHopConnection, connect
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, SqliteSettings

MANY = 1203  # more than come with the execution, more than twice, and not a multiple
metadata = MetaData()
numbers = Table("numbers", metadata, Column("n", Integer, primary_key=True), Column("word", String, unique=True))
SLOW = text("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000) SELECT max(x) FROM c")
SLOW_INSERT = text(
    "INSERT INTO numbers (n) WITH RECURSIVE c(x) AS (SELECT 5000 UNION ALL SELECT x + 1 FROM c WHERE x < 400000)"
    " SELECT x FROM c"
)

MISSING_FILE = """
import asyncio, sys
from belgie.alchemy import DatabaseSettings
from proto import UnavailableError

async def main():
    async with DatabaseSettings(type="sqlite", database=sys.argv[1]).runtime as runtime:
        try:
            await runtime.ping()
        except UnavailableError:
            print("unavailable")

for _ in range(5):
    asyncio.run(main())
"""


@pytest.fixture(params=["memory", "file"])
def sqlite_settings(request: pytest.FixtureRequest) -> SqliteSettings:
    return request.getfixturevalue(f"sqlite_{request.param}_settings")


@pytest.fixture
async def sqlite(sqlite_settings: SqliteSettings) -> AsyncIterator[DatabaseRuntime]:
    """A runtime with one connection, so that whoever comes next gets what the last one left, and 1203 rows."""
    settings = sqlite_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 5.0})
    async with DatabaseRuntime(settings) as runtime:
        await runtime.create_all(metadata)
        async with runtime.transaction() as session:
            await session.execute(insert(numbers), [{"n": n, "word": str(n)} for n in range(MANY)])
        yield runtime


@pytest.fixture
async def driver(tmp_path: Path) -> AsyncIterator[OneHopConnection]:
    connection = await connect(tmp_path / "driver.db", isolation_level="IMMEDIATE", check_same_thread=False)
    assert isinstance(connection, OneHopConnection)
    await connection.cursor().execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, word TEXT UNIQUE)")
    yield connection
    await connection.close()


@pytest.fixture
def plain(tmp_path: Path) -> Any:
    """What Python's own sqlite3 says of the same statements."""
    connection = sqlite3.connect(tmp_path / "plain.db", isolation_level="IMMEDIATE")
    connection.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, word TEXT UNIQUE)")
    yield connection
    connection.close()


async def _count(runtime: DatabaseRuntime) -> int | None:
    async with runtime.session() as session:
        return await session.scalar(select(func.count()).select_from(numbers))


async def _own(runtime: DatabaseRuntime) -> OneHopConnection:
    async with runtime.engine.connect() as connection:
        found = (await connection.get_raw_connection()).driver_connection
    assert isinstance(found, OneHopConnection)
    return found


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("INSERT INTO numbers (word) VALUES (?)", ("new",)),
        ("INSERT INTO numbers (word) VALUES ('a'), ('b')", ()),
        ("INSERT INTO numbers (word) VALUES ('a'), ('b') RETURNING n", ()),
        ("UPDATE numbers SET word = word || '!' WHERE n > ?", (600,)),
        ("UPDATE numbers SET word = word || '!' RETURNING n", ()),
        ("DELETE FROM numbers WHERE n <= ?", (7,)),
        ("DELETE FROM numbers WHERE n < 0", ()),
        ("REPLACE INTO numbers VALUES (1, 'again')", ()),
        ("SELECT n, word AS name FROM numbers ORDER BY n", ()),
        ("SELECT n FROM numbers WHERE n < 0", ()),
        ("SELECT n FROM numbers WHERE n <= 500", ()),
        ("SELECT n FROM numbers WHERE n <= 501", ()),
        ("PRAGMA foreign_keys", ()),
        ("PRAGMA foreign_keys=ON", ()),
        ("CREATE TABLE others (n INTEGER)", ()),
    ],
)
async def test_a_cursor_tells_what_sqlite_s_own_tells(
    driver: OneHopConnection, plain: sqlite3.Connection, statement: str, parameters: tuple[Any, ...]
) -> None:
    rows = [(n, str(n)) for n in range(1, MANY)]
    ours, theirs = driver.cursor(), plain.cursor()
    await ours.executemany("INSERT INTO numbers VALUES (?, ?)", rows)
    theirs.executemany("INSERT INTO numbers VALUES (?, ?)", rows)
    assert (ours.description, ours.rowcount) == (theirs.description, theirs.rowcount) == (None, MANY - 1)
    await ours.execute(statement, parameters)
    theirs.execute(statement, parameters)
    assert ours.description == theirs.description
    assert await ours.fetchall() == theirs.fetchall()
    assert (ours.rowcount, ours.lastrowid) == (theirs.rowcount, theirs.lastrowid)
    assert await ours.fetchall() == []
    assert await ours.fetchone() is None
    assert driver.in_transaction is plain.in_transaction


@pytest.mark.parametrize("size", [1, 3, 499, 500, 501, 700, MANY, 5000])
async def test_many_rows_come_in_parts_of_any_size_and_each_once(driver: OneHopConnection, size: int) -> None:
    cursor = driver.cursor()
    await cursor.executemany("INSERT INTO numbers (n) VALUES (?)", [(n,) for n in range(MANY)])
    await cursor.execute("SELECT n FROM numbers ORDER BY n")
    found: list[Any] = [await cursor.fetchone()]
    cursor.arraysize = size
    while part := await cursor.fetchmany():
        assert len(part) <= size
        found += part
        if len(found) > 900:
            found += await cursor.fetchall()
    assert [n for (n,) in found] == list(range(MANY))
    await cursor.execute("SELECT n FROM numbers ORDER BY n DESC")
    assert [n async for (n,) in cursor] == list(reversed(range(MANY)))


async def test_a_failed_statement_leaves_no_rows_and_no_open_statement(driver: OneHopConnection) -> None:
    async with driver.cursor() as cursor:
        await cursor.execute("INSERT INTO numbers VALUES (1, 'one')")
        await cursor.execute("SELECT * FROM numbers")
        with pytest.raises(sqlite3.IntegrityError):
            await cursor.execute("INSERT INTO numbers VALUES (2, 'one') RETURNING n")
        assert await cursor.fetchall() == []
        with pytest.raises(sqlite3.OperationalError):
            await cursor.execute("SELECT * FROM nowhere")
        with pytest.raises(sqlite3.ProgrammingError):
            await cursor.executemany("SELECT n FROM numbers WHERE n = ?", [(1,)])
        # An open statement would keep the table from being dropped.
        await cursor.execute("DROP TABLE numbers")


async def test_what_is_streamed_is_complete_however_it_is_asked_for(sqlite: DatabaseRuntime) -> None:
    statement = select(numbers.c.n).order_by(numbers.c.n)
    async with sqlite.session() as session:
        assert [n async for n in await session.stream_scalars(statement)] == list(range(MANY))
        parts = [len(part) async for part in (await session.stream_scalars(statement)).partitions(250)]
        assert parts == [250, 250, 250, 250, 203]
        result = await session.stream(statement, execution_options={"yield_per": 700})
        assert [n for part in [part async for part in result.partitions()] for (n,) in part] == list(range(MANY))
        result = await session.stream(statement)
        assert await result.fetchone() == (0,)
        assert len(await result.fetchmany(600)) == 600
        assert len(await result.all()) == MANY - 601
        assert len((await session.execute(statement)).all()) == MANY
        assert (await (await session.stream(statement)).first()) == (0,)


async def test_two_streams_over_one_connection_do_not_mix(sqlite: DatabaseRuntime) -> None:
    statement = select(numbers.c.n).order_by(numbers.c.n)
    async with sqlite.session() as session:
        up = await session.stream_scalars(statement)
        down = await session.stream_scalars(statement.order_by(None).order_by(numbers.c.n.desc()))
        pairs = [(one, await anext(aiter(down))) async for one in up]
        assert pairs == list(zip(range(MANY), reversed(range(MANY)), strict=True))


async def test_a_write_while_rows_are_streamed_is_committed(sqlite: DatabaseRuntime) -> None:
    async with sqlite.engine.connect() as connection:
        seen = 0
        async for (n,) in await connection.stream(select(numbers.c.n).order_by(numbers.c.n)):
            seen += 1
            if n == 700:
                await connection.execute(update(numbers).values(word="changed").where(numbers.c.n == 1))
                await connection.commit()
        assert seen == MANY
    async with sqlite.session() as session:
        assert await session.scalar(select(numbers.c.word).where(numbers.c.n == 1)) == "changed"


async def test_a_stream_that_is_left_in_the_middle_does_not_show_the_next_one_an_old_database(
    sqlite_file_settings: SqliteSettings,
) -> None:
    """An open statement is an open snapshot: who is signed out would still be signed in over that connection."""
    settings = sqlite_file_settings.model_copy(update={"pool_size": 1, "max_overflow": 0})
    async with settings.runtime as sqlite:
        await sqlite.create_all(metadata)
        async with sqlite.transaction() as session:
            await session.execute(insert(numbers), [{"n": n} for n in range(MANY)])
        async with sqlite.session() as session:
            left = await session.stream_scalars(select(numbers.c.n))
            assert await anext(aiter(left)) == 0
        other = sqlite3.connect(settings.database)
        other.execute("DELETE FROM numbers WHERE n > 0")
        other.commit()
        other.close()
        assert await _count(sqlite) == 1
        async with sqlite.transaction() as session:
            await session.execute(insert(numbers).values(n=7))
        with pytest.raises(ProgrammingError, match="read all rows, or close the result, before"):
            await left.all()
        await left.close()


async def test_few_rows_stay_readable_after_the_transaction(sqlite: DatabaseRuntime) -> None:
    async with sqlite.session() as session:
        result = await session.stream_scalars(select(numbers.c.n).where(numbers.c.n < 400))
        await session.rollback()
        assert len(await result.all()) == 400


async def test_rows_of_a_connection_that_was_closed_can_be_let_go(sqlite: DatabaseRuntime) -> None:
    async with sqlite.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, OneHopConnection)
        cursor = driver.cursor()
        await cursor.execute("SELECT n FROM numbers")
        await connection.invalidate()
    with pytest.raises(sqlite3.ProgrammingError, match="read all rows"):
        await cursor.fetchall()
    await cursor.close()


@pytest.mark.parametrize("moment", ["at once", "asked", "running"])
async def test_a_cancelled_write_is_never_half_there(sqlite: DatabaseRuntime, moment: str) -> None:
    async def write() -> None:
        async with sqlite.transaction() as session:
            await session.execute(SLOW_INSERT)
            await asyncio.sleep(30)

    task = asyncio.create_task(write())
    for _ in range({"at once": 1, "asked": 4, "running": 4}[moment]):
        await asyncio.sleep(0)
    if moment == "running":
        await asyncio.sleep(0.03)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _count(sqlite) == MANY
    assert not (await _own(sqlite)).in_transaction
    async with sqlite.transaction() as session:
        await session.execute(insert(numbers).values(n=4999))
    assert await _count(sqlite) == MANY + 1


async def test_a_cancelled_transaction_gives_its_lock_back_at_once(sqlite: DatabaseRuntime) -> None:
    """Also where somebody still knows the error, and with it the rows: SQLite keeps a transaction for open rows."""
    written, kept = asyncio.Event(), list[BaseException]()

    async def write() -> None:
        async with sqlite.transaction() as session:
            await session.execute(insert(numbers).values(n=9999))
            written.set()
            try:
                await session.execute(text("SELECT n FROM numbers, (SELECT count(*) FROM numbers a, numbers b)"))
            except asyncio.CancelledError as error:
                kept.append(error)
                raise

    for _ in range(5):
        written.clear()
        task = asyncio.create_task(write())
        await written.wait()
        await asyncio.sleep(0.002)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        start = time.perf_counter()
        assert await _count(sqlite) == MANY
        async with sqlite.transaction() as session:
            await session.execute(insert(numbers).values(n=9999))
            await session.rollback()
        assert time.perf_counter() - start < 2  # busy_timeout is 5 s
    assert len(kept) == 5


async def test_a_cancellation_at_any_moment_writes_all_or_nothing(sqlite: DatabaseRuntime) -> None:
    async def write(start: int) -> None:
        async with sqlite.transaction() as session:
            await session.execute(insert(numbers), [{"n": start + n} for n in range(5)])
            await session.execute(select(numbers.c.n))
            await session.execute(insert(numbers).values(n=start + 5))

    undone = 0
    for moment in range(60):
        before = await _count(sqlite)
        task = asyncio.create_task(write(10_000 + 10 * moment))
        for _ in range(moment):
            await asyncio.sleep(0.00002 * moment)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() or task.exception() is None
        after = await _count(sqlite)
        assert before is not None
        assert after in ((before, before + 6) if task.cancelled() else (before + 6,))
        undone += after == before
        assert not (await _own(sqlite)).in_transaction
        assert sqlite.connections.in_use == 0
    assert 0 < undone < 60


async def test_what_a_cancelled_caller_left_to_the_thread_is_rolled_back_with_the_rest(
    driver: OneHopConnection,
) -> None:
    """The rollback comes before the statement has begun: it must not be taken for needless."""
    for _ in range(20):
        task = asyncio.create_task(driver.cursor().execute("INSERT INTO numbers (n) VALUES (1)"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        await driver.rollback()
        assert not driver.in_transaction
        cursor = await driver.cursor()
        await cursor.execute("SELECT count(*) FROM numbers")
        assert await cursor.fetchall() == [(0,)]


async def test_a_cancelled_caller_s_commit_is_not_taken_for_needless(driver: OneHopConnection) -> None:
    task = asyncio.create_task(driver.cursor().execute("INSERT INTO numbers (n) VALUES (1)"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    await driver.commit()
    assert not driver.in_transaction
    assert await driver.execute_fetchall("SELECT n FROM numbers") == [(1,)]


async def test_a_read_asks_the_thread_once(sqlite: DatabaseRuntime, caplog: pytest.LogCaptureFixture) -> None:
    await _own(sqlite)
    with caplog.at_level(logging.DEBUG, logger="aiosqlite"):
        async with sqlite.session() as session:
            await session.execute(select(numbers.c.n).where(numbers.c.n < 400))
            await session.commit()
    asked = [record.getMessage() for record in caplog.records if record.getMessage().startswith("executing")]
    assert len(asked) == 1, asked


async def test_a_closed_connection_says_so(sqlite: DatabaseRuntime) -> None:
    async with sqlite.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert isinstance(raw.driver_connection, OneHopConnection)
        await raw.driver_connection.close()
        with pytest.raises(OperationalError, match=r"(?i)connection closed|no active connection"):
            await connection.execute(text("SELECT 1"))
    assert await _count(sqlite) == MANY


async def test_no_value_is_in_the_driver_s_log(sqlite: DatabaseRuntime, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="aiosqlite"):
        async with sqlite.session() as session:
            await session.execute(insert(numbers), [{"n": n, "word": f"canary-{n}"} for n in (7001, 7002)])
            await session.execute(insert(numbers).values(n=7003, word="canary-3").returning(numbers.c.word))
            assert (await session.execute(select(numbers).where(numbers.c.word == "canary-3"))).all()
            with pytest.raises(IntegrityError):
                await session.execute(update(numbers).values(word="canary-3"))
        driver = await _own(sqlite)
        await driver.execute_fetchall("SELECT ?", ("canary",))
    assert "INSERT INTO numbers" in caplog.text
    assert "SELECT ?" in caplog.text
    assert "canary" not in caplog.text


def test_a_file_that_cannot_be_opened_is_told_once_and_by_the_caller(tmp_path: Path) -> None:
    """A thread that ends after the event loop used to print a traceback of its own."""
    (tmp_path / "folder.db").mkdir()
    command = [sys.executable, "-X", "dev", "-W", "error::ResourceWarning", "-c", MISSING_FILE, tmp_path / "folder.db"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "unavailable\n" * 5, "")


@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
async def test_a_cancelled_connect_leaves_no_file_open(sqlite_file_settings: SqliteSettings) -> None:
    connected = 0
    for moment in range(25):
        runtime = sqlite_file_settings.model_copy().runtime
        task = asyncio.create_task(runtime.ping())
        for _ in range(moment):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        connected += runtime.connections.idle
        assert runtime.connections.in_use == 0
        await runtime.dispose()
    for moment in range(25):
        opening = asyncio.ensure_future(_opened(sqlite_file_settings.database))
        await asyncio.sleep(0.0001 * moment)
        opening.cancel()
        await asyncio.wait([opening])
        if not opening.cancelled():
            connected += 1
            await opening.result().close()
    assert connected < 50
    gc.collect()


async def _opened(database: str) -> Any:
    return await connect(database, check_same_thread=False)


async def test_a_slow_statement_keeps_nobody_else_waiting(sqlite_file_settings: SqliteSettings) -> None:
    async with DatabaseSettings(type="sqlite", database=sqlite_file_settings.database).runtime as runtime:
        await runtime.ping()
        async with runtime.session() as session:
            slow = asyncio.create_task(session.scalar(SLOW))
            await asyncio.sleep(0.01)
            start = time.perf_counter()
            await asyncio.gather(*(runtime.ping() for _ in range(3)))
            assert not slow.done()
            assert time.perf_counter() - start < 2
            assert await slow == 3_000_000
