import asyncio
import gc

import pytest

from auth.utils.tasks import KeyedLocks, finish


async def test_one_key_is_one_lock_and_another_key_another() -> None:
    locks = KeyedLocks()
    lock = locks.of("user", "provider")
    assert locks.of("user", "provider") is lock
    assert locks.of("user", "other") is not lock
    async with lock:
        assert locks.of("user", "provider").locked()


async def test_a_lock_that_nobody_wants_is_forgotten() -> None:
    locks = KeyedLocks()
    for number in range(100):
        async with locks.of(number):
            pass
    gc.collect()
    assert len(locks._locks) == 0


async def test_a_lock_stays_while_somebody_waits_for_it() -> None:
    locks = KeyedLocks()
    order: list[int] = []

    async def work(number: int) -> None:
        async with locks.of("key"):
            order.append(number)
            await asyncio.sleep(0)
            gc.collect()
            order.append(number)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert order == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_each_event_loop_has_locks_of_its_own() -> None:
    locks = KeyedLocks()

    async def contend() -> int:
        held = locks.of("key")  # kept until the end, so that the next loop would find it
        kept.append(held)

        async def enter() -> None:
            async with locks.of("key"):
                await asyncio.sleep(0)

        await asyncio.gather(enter(), enter())
        return id(held)

    kept: list[asyncio.Lock] = []
    assert asyncio.run(contend()) != asyncio.run(contend())


async def test_work_gives_its_result_or_its_error() -> None:
    async def work(*, fail: bool) -> int:
        await asyncio.sleep(0)
        if fail:
            raise LookupError("this one")
        return 7

    assert await finish(work(fail=False)) == 7
    with pytest.raises(LookupError, match="this one"):
        await finish(work(fail=True))


@pytest.mark.parametrize("fails", [False, True])
async def test_work_ends_before_the_cancellation_goes_on(*, fails: bool) -> None:
    done: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        done.append("work")
        if fails:
            raise LookupError("nobody hears of it")

    async def caller() -> None:
        try:
            await finish(work())
        finally:
            done.append("caller")

    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    task = asyncio.create_task(caller())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == ["work", "caller"]
    del task
    gc.collect()  # the event loop complains here of an error that nobody looked at
    assert not complaints


async def test_who_cancels_twice_does_not_wait() -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(finish(work()))
    for _ in range(2):
        await asyncio.sleep(0.01)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 5)
    await asyncio.wait_for(ended.wait(), 5)


async def test_work_that_cancels_itself_is_cancelled() -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await finish(work())
