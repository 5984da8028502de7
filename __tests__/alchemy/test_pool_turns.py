"""Who gets a connection, when, and that none is lost on the way."""

import asyncio
import gc
import random  # noqa: TID251 - an order that can be repeated
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

import pytest
from sqlalchemy import NullPool, event, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection

from belgie.alchemy import turns as turns_module
from belgie.alchemy.pool import LoopBoundPool, TurnPool
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings, PostgresSettings, SqliteSettings
from belgie.alchemy.turns import PATIENCE, Turns, came


@pytest.fixture(params=["sqlite_file", "postgres"])
def settings(request: pytest.FixtureRequest) -> DatabaseSettings:
    return request.getfixturevalue(f"{request.param}_settings")


@pytest.fixture
async def narrow(settings: DatabaseSettings) -> AsyncIterator[DatabaseRuntime]:
    """A runtime that keeps one connection and may have one more."""
    async with _sized(settings, 1, 1) as runtime:
        yield runtime


def _sized(settings: Any, kept: int, more: int, timeout: float = 5.0) -> DatabaseRuntime:
    return settings.model_copy(update={"pool_size": kept, "max_overflow": more, "pool_timeout": timeout}).runtime


def _made(runtime: DatabaseRuntime) -> list[Any]:
    """Return what grows with each connection that is made."""
    made: list[Any] = []
    event.listen(runtime.engine.sync_engine, "connect", lambda connection, _entry: made.append(connection))
    return made


async def _taken(runtime: DatabaseRuntime) -> AsyncConnection:
    connection = await runtime.engine.connect()
    await connection.execute(text("SELECT 1"))
    return connection


async def _wait(turns: Turns[Any], seconds: float) -> None:
    """Wait for a turn as the pool does."""
    turn = turns.stand_in_line()
    try:
        await turns.wait(turn, seconds)
    except BaseException:
        if came(turn):
            turns.end()
        raise


def _free(turns: Turns[Any]) -> int:
    """Take all turns that there are, and give them back."""
    taken = 0
    while turns.take_at_once():
        taken += 1
    for _ in range(taken):
        turns.end()
    return taken


async def test_turns_come_in_the_order_of_asking() -> None:
    turns, served = Turns(1, 0), list[int]()
    assert turns.take_at_once()

    async def ask(number: int) -> None:
        await _wait(turns, 5)
        served.append(number)
        turns.end()

    tasks = [asyncio.create_task(ask(number)) for number in range(8)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[3].cancel()
    turns.end()
    assert not turns.take_at_once()  # nobody overtakes who waits
    await asyncio.wait(tasks)
    assert served == [1, 2, 4, 5, 6, 7]
    assert _free(turns) == 1


async def test_a_cancellation_in_the_moment_of_the_turn_hands_it_on() -> None:
    turns = Turns(1, 0)
    assert turns.take_at_once()
    first, second = (asyncio.create_task(_wait(turns, 5)) for _ in range(2))
    await asyncio.sleep(0)
    turns.end()
    first.cancel()  # it has the turn, and does not know it yet
    with pytest.raises(asyncio.CancelledError):
        await first
    await second
    assert _free(turns) == 0
    turns.end()
    assert _free(turns) == 1


async def test_a_cancellation_in_the_moment_of_giving_up_is_a_cancellation() -> None:
    turns = Turns(1, 0)
    assert turns.take_at_once()
    task = asyncio.create_task(_wait(turns, 5))
    await asyncio.sleep(0)
    turns._give_up(turns._waiting[0])
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    turns.end()
    assert _free(turns) == 1


async def test_who_was_cancelled_before_still_hears_that_the_time_is_over() -> None:
    turns = Turns(1, 0)
    assert turns.take_at_once()

    async def clean_up() -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await _wait(turns, 0.01)

    task = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(exc.TimeoutError):
        await task


async def test_patience_comes_before_a_connection_beyond_those_kept() -> None:
    turns, loop = Turns(1, 2), asyncio.get_running_loop()
    assert turns.take_at_once()
    start = loop.time()
    await asyncio.gather(_wait(turns, 5), _wait(turns, 5))
    assert loop.time() - start >= PATIENCE * 0.99
    with pytest.raises(exc.TimeoutError, match=r"^all 3 connections are in use, and none came free in time$"):
        await _wait(turns, 0.01)
    for _ in range(3):
        turns.end()
    assert _free(turns) == 1


async def test_without_any_time_there_is_a_turn_beyond_or_an_error() -> None:
    turns = Turns(1, 1)
    assert turns.take_at_once()
    await _wait(turns, 0)
    with pytest.raises(exc.TimeoutError):
        await _wait(turns, 0)
    turns.end()
    assert _free(turns) == 1


@pytest.mark.parametrize("seed", range(30))
async def test_no_turn_is_lost_or_doubled_in_any_order_of_events(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(seed)
    monkeypatch.setattr(turns_module, "PATIENCE", dice.choice([0.0, 0.0005, 0.05]))
    kept, more = dice.randint(1, 4), dice.randint(0, 3)
    turns, using, most = Turns(kept, more), 0, 0
    ends: dict[str, int] = {"served": 0, "cancelled": 0, "late": 0}

    async def ask() -> None:
        nonlocal using, most
        try:
            if not turns.take_at_once():
                await _wait(turns, dice.choice([0, 0.0003, 0.002, 5]))
        except exc.TimeoutError:
            ends["late"] += 1
            return
        using += 1
        most = max(most, using)
        try:
            for _ in range(dice.randint(0, 5)):
                await asyncio.sleep(dice.choice([0, 0, 0.0004]))
        finally:
            using -= 1
            turns.end()
        ends["served"] += 1

    tasks = list[asyncio.Task[None]]()
    for _ in range(300):
        tasks.append(asyncio.create_task(ask()))
        for _ in range(dice.randint(0, 2)):
            await asyncio.sleep(0)
        if dice.random() < 0.4:
            dice.choice(tasks).cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        ends["cancelled"] += isinstance(result, asyncio.CancelledError)
    assert sum(ends.values()) == 300, ends
    assert ends["served"]
    assert ends["cancelled"]
    assert most <= kept + more
    assert using == 0
    assert _free(turns) == kept


async def test_a_connection_beyond_those_kept_is_made_only_after_waiting(narrow: DatabaseRuntime) -> None:
    made, loop = _made(narrow), asyncio.get_running_loop()
    for _ in range(20):
        await asyncio.gather(*(narrow.ping() for _ in range(3)))
    assert len(made) == 1
    first = await _taken(narrow)
    start = loop.time()
    second = await _taken(narrow)
    assert loop.time() - start >= PATIENCE * 0.99
    assert len(made) == 2
    await first.close()
    await second.close()
    assert (narrow.connections.in_use, narrow.connections.idle) == (0, 1)


async def test_a_connection_that_is_idle_is_given_at_once_while_one_beyond_is_in_use(narrow: DatabaseRuntime) -> None:
    made, loop = _made(narrow), asyncio.get_running_loop()
    first, second = await _taken(narrow), await _taken(narrow)
    await first.close()
    assert (narrow.connections.in_use, narrow.connections.idle) == (1, 1)
    start = loop.time()
    for _ in range(20):
        await (await narrow.engine.connect()).close()
    assert loop.time() - start < 20 * PATIENCE / 2
    assert len(made) == 2
    await second.close()
    assert (narrow.connections.in_use, narrow.connections.idle) == (0, 1)
    assert len(await asyncio.gather(narrow.ping(), narrow.ping())) == 2


async def test_there_are_never_more_connections_than_allowed_whoever_is_cancelled(settings: DatabaseSettings) -> None:
    dice, most = random.Random(7), 0
    async with _sized(settings, 2, 2, timeout=20) as runtime:

        async def use(seconds: float) -> None:
            nonlocal most
            async with runtime.session() as session:
                await session.execute(text("SELECT 1"))
                most = max(most, runtime.connections.in_use)
                await asyncio.sleep(seconds)

        tasks = [asyncio.create_task(use(dice.choice([0, 0.002, 0.03]))) for _ in range(80)]
        for task in dice.sample(tasks, 30):
            await asyncio.sleep(0.004)
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(result) for result in results} <= {type(None), asyncio.CancelledError}
        assert 2 <= most <= 4
        for _ in range(200):  # a connection is closed even when the task that used it is gone
            if runtime.connections.in_use == 0:
                break
            await asyncio.sleep(0.01)
        assert runtime.connections.in_use == 0
        assert runtime.connections.idle <= 2
        pool = runtime.engine.pool
        assert isinstance(pool, TurnPool)
        assert pool._turns is not None
        assert _free(pool._turns) == 2
        await asyncio.wait_for(asyncio.gather(*(use(0) for _ in range(10))), 5)


async def test_under_load_connections_go_from_hand_to_hand(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, 2, timeout=20) as runtime:
        made, held = _made(runtime), 0

        async def use() -> None:
            nonlocal held
            async with runtime.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
                held = max(held, runtime.connections.in_use)
                await asyncio.sleep(PATIENCE / 4)

        await asyncio.gather(*(use() for _ in range(60)))
        assert held == len(made) == 3
        assert (runtime.connections.in_use, runtime.connections.idle) == (0, 1)
        assert isinstance(runtime.engine.pool, TurnPool)
        assert runtime.engine.pool._turns is not None
        assert _free(runtime.engine.pool._turns) == 1


async def test_a_connection_that_came_with_the_cancellation_goes_on(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, 0) as runtime:
        made = _made(runtime)
        first = await _taken(runtime)
        waiting = [asyncio.create_task(_taken(runtime)) for _ in range(2)]
        await asyncio.sleep(0.01)
        closing = asyncio.create_task(first.close())
        assert isinstance(runtime.engine.pool, TurnPool)
        assert runtime.engine.pool._turns is not None
        for _ in range(10_000):
            if len(runtime.engine.pool._turns._waiting) == 1:
                break
            await asyncio.sleep(0)
        waiting[0].cancel()
        await closing
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        second = await asyncio.wait_for(waiting[1], 5)
        await second.close()
        assert len(made) == 1
        await runtime.ping()
        assert (runtime.connections.in_use, runtime.connections.idle, len(made)) == (0, 1, 1)


async def test_the_pool_says_how_many_connections_are_in_use(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, 1, timeout=0.1) as runtime:
        first, second = await _taken(runtime), await _taken(runtime)
        with pytest.raises(exc.TimeoutError, match=r"^all 2 connections are in use, and none came free in time$"):
            await runtime.engine.connect()
        await first.close()
        await second.close()
        await runtime.ping()


async def test_without_connections_beyond_those_kept_the_next_one_waits_for_these(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, 0) as runtime:
        made, first = _made(runtime), await _taken(runtime)
        waiting = asyncio.create_task(runtime.ping())
        await asyncio.sleep(PATIENCE * 2)
        assert not waiting.done()
        await first.close()
        await waiting
        assert len(made) == 1


async def test_without_a_limit_nobody_takes_turns(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, -1) as runtime:
        async with AsyncExitStack() as stack:
            for number in range(4):
                connection = await stack.enter_async_context(runtime.engine.connect())
                await connection.execute(text("SELECT 1"))
                assert runtime.connections.in_use == number + 1
            assert isinstance(runtime.engine.pool, TurnPool)
            assert runtime.engine.pool._turns is None
        assert (runtime.connections.in_use, runtime.connections.idle) == (0, 1)


async def test_without_a_pool_there_is_nothing_to_wait_for(postgres_settings: PostgresSettings) -> None:
    async with postgres_settings.model_copy(
        update={"pool": "null", "pool_size": 1, "max_overflow": 0}
    ).runtime as runtime:
        assert type(runtime.engine.pool) is NullPool
        async with runtime.engine.connect(), runtime.engine.connect():
            assert runtime.connections.in_use == 0


async def test_who_waits_while_the_engine_is_disposed_of_is_served(settings: DatabaseSettings) -> None:
    async with _sized(settings, 1, 0) as runtime:
        first = await _taken(runtime)
        waiting = [asyncio.create_task(_taken(runtime)) for _ in range(2)]
        await asyncio.sleep(0.01)
        await runtime.dispose()
        await runtime.ping()  # over the new pool, which owes nobody anything
        await first.close()
        for task in waiting:
            connection = await asyncio.wait_for(task, 5)
            # The old pool would keep it, and nobody disposes of that any more.
            await connection.invalidate()
            await connection.close()
        await runtime.ping()


def test_another_event_loop_has_all_turns_whatever_the_last_one_left(
    sqlite_file_settings: SqliteSettings,
) -> None:
    runtime = _sized(sqlite_file_settings, 1, 0, timeout=2)

    async def leave() -> None:
        holding = await _taken(runtime)
        waiting = asyncio.create_task(runtime.ping())
        await asyncio.sleep(0.01)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
        left.append(holding)

    async def use() -> None:
        async with asyncio.timeout(5):
            for _ in range(3):
                await asyncio.gather(*(runtime.ping() for _ in range(3)))

    left: list[AsyncConnection] = []
    for _ in range(3):
        asyncio.run(leave())
        asyncio.run(left.pop().close())  # in a loop that has not seen the turn begin
        asyncio.run(use())

    asyncio.run(runtime.dispose())


async def test_a_forgotten_connection_s_turn_comes_back_from_any_thread(sqlite_file_settings: SqliteSettings) -> None:
    async with _sized(sqlite_file_settings, 1, 0, timeout=2) as runtime:
        for collect in (_collect, lambda held: asyncio.to_thread(_collect_now, held)):
            held = [await _taken(runtime)]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", exc.SAWarning)  # SQLAlchemy tells the application of its mistake
                await collect(held)
            await runtime.ping()
            assert runtime.connections.in_use == 0


async def _collect(held: list[AsyncConnection]) -> None:
    _collect_now(held)


def _collect_now(held: list[AsyncConnection]) -> None:
    held.clear()
    gc.collect()


@pytest.fixture
def pings(postgres_settings: PostgresSettings, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What each ping of the runtime of `postgres_settings` has found."""
    found: list[bool] = []
    dialect: Any = postgres_settings.runtime.engine.sync_engine.dialect
    ping = dialect.do_ping
    monkeypatch.setattr(dialect, "do_ping", lambda connection: found.append(ping(connection)) or found[-1])
    return found


async def test_only_a_connection_that_rested_is_pinged(postgres_settings: PostgresSettings, pings: list[bool]) -> None:
    async with postgres_settings.runtime as runtime:
        assert isinstance(runtime.engine.pool, LoopBoundPool)
        for _ in range(10):
            await runtime.ping()
        assert pings == []
        await asyncio.sleep(0.12)
        await runtime.ping()
        assert pings == [True]
        await runtime.ping()
        assert pings == [True]


async def test_a_connection_that_closed_just_now_is_replaced_without_an_error(
    postgres_settings: PostgresSettings, pings: list[bool]
) -> None:
    settings = postgres_settings.model_copy()
    async with postgres_settings.runtime as runtime, settings.runtime as other:
        await other.ping()
        for _ in range(3):
            async with runtime.session() as session:
                number = await session.scalar(text("SELECT pg_backend_pid()"))
            async with other.session() as session:
                await session.execute(text("SELECT pg_terminate_backend(:number, 1000)"), {"number": number})
            async with runtime.session() as session:
                assert await session.scalar(text("SELECT pg_backend_pid()")) != number
        assert True not in pings
