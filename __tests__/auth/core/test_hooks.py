"""Hooks: functions and context managers around what happens to a user."""

import asyncio
import functools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Literal

import pytest
from __tests__.auth.fixtures.dictionaries import DictUser, NoConnection

from auth import ConfigurationError, HookContext, HookError, HookRunner, Hooks, UnavailableError
from auth.providers import Profile

type Event = Literal["on_signup", "on_signin", "on_signout", "on_delete"]

STRICT: tuple[Event, ...] = ("on_signup", "on_delete")
TOLERANT: tuple[Event, ...] = ("on_signin", "on_signout")
CONTEXT = HookContext(user=DictUser(email="ada@example.org"), db=NoConnection())


class Diary:
    """Makes hooks of every kind that write down when they run, and break on demand."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str, fails: BaseException | None) -> None:
        self.lines.append(line)
        if fails is not None:
            raise fails

    def plain(self, name: str, fails: BaseException | None = None) -> Any:
        def hook(context: HookContext[Any]) -> None:
            assert context is CONTEXT
            self.write(name, fails)

        return hook

    def coroutine(self, name: str, fails: BaseException | None = None) -> Any:
        async def hook(context: HookContext[Any]) -> None:
            assert context is CONTEXT
            await asyncio.sleep(0)
            self.write(name, fails)

        return hook

    def block(self, name: str, fails: BaseException | None = None) -> Callable[[], Awaitable[object]]:
        return functools.partial(self.coroutine(name, fails), CONTEXT)

    def manager(self, name: str, fails: BaseException | None = None, leaving: BaseException | None = None) -> Any:
        @contextmanager
        def hook(context: HookContext[Any]) -> Generator[None]:
            assert context is CONTEXT
            self.write(f"{name} in", fails)
            try:
                yield
            except BaseException as error:
                self.lines.append(f"{name} saw {type(error).__name__}")
                raise
            finally:
                self.write(f"{name} out", leaving)

        return hook

    def async_manager(self, name: str, fails: BaseException | None = None, leaving: BaseException | None = None) -> Any:
        @asynccontextmanager
        async def hook(context: HookContext[Any]) -> AsyncGenerator[None]:
            with self.manager(name, fails, leaving)(context):
                await asyncio.sleep(0)
                yield

        return hook

    def kinds(self, fails: BaseException | None = None) -> dict[str, Any]:
        return {
            "plain": self.plain("a", fails),
            "coroutine": self.coroutine("a", fails),
            "manager": self.manager("a", fails),
            "async_manager": self.async_manager("a", fails),
        }


KINDS = ["plain", "coroutine", "manager", "async_manager"]


@pytest.fixture
def diary() -> Diary:
    return Diary()


async def dispatch(event: Event, hooks: Any, block: Callable[[], Awaitable[object]] | None = None) -> None:
    async with HookRunner(Hooks(**{event: hooks})).dispatch(event, CONTEXT):
        if block is not None:
            await block()


def failures(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = [record for record in caplog.records if record.name == "auth"]
    assert all(vars(record)["event"] == "hook_failed" and record.levelno == logging.ERROR for record in records)
    return [vars(record)["hook"] for record in records]


@pytest.mark.parametrize("event", STRICT + TOLERANT)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_hook_of_every_kind_runs_at_its_event_and_no_other(event: Event, kind: str, diary: Diary) -> None:
    hooks = Hooks(**{event: diary.kinds()[kind]})
    for other in STRICT + TOLERANT:
        if other != event:
            async with HookRunner(hooks).dispatch(other, CONTEXT):
                pass
    assert diary.lines == []
    async with HookRunner(hooks).dispatch(event, CONTEXT):
        diary.lines.append("block")
    assert diary.lines == (["a in", "block", "a out"] if "manager" in kind else ["a", "block"])


@pytest.mark.parametrize("event", STRICT + TOLERANT)
async def test_several_hooks_run_in_their_order_and_are_left_in_reverse(event: Event, diary: Diary) -> None:
    async def block() -> None:
        diary.lines.append("block")

    hooks = [diary.manager("a"), diary.plain("b"), diary.async_manager("c"), diary.coroutine("d")]
    await dispatch(event, hooks, block)
    assert diary.lines == ["a in", "b", "c in", "d", "block", "c out", "a out"]
    diary.lines.clear()
    await dispatch(event, tuple(reversed(hooks)), block)
    assert diary.lines == ["d", "c in", "b", "a in", "block", "a out", "c out"]


@pytest.mark.parametrize("hooks", [None, (), []])
async def test_without_hooks_the_block_runs_alone(hooks: Any, diary: Diary) -> None:
    for event in STRICT + TOLERANT:
        await dispatch(event, hooks, diary.block("block"))
    async with HookRunner().dispatch("on_signup", CONTEXT):
        diary.lines.append("block")
    assert diary.lines == ["block"] * 5


async def test_anything_that_can_be_called_with_the_context_is_a_hook(diary: Diary) -> None:
    class Greeter:
        def __call__(self, context: HookContext[Any]) -> None:
            diary.lines.append("object")

    def two(line: str, context: HookContext[Any]) -> None:
        diary.lines.append(line)

    await dispatch("on_signup", [Greeter(), functools.partial(two, "partial"), lambda _: diary.lines.append("lambda")])
    assert diary.lines == ["object", "partial", "lambda"]


@pytest.mark.parametrize("event", STRICT)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fails", [RuntimeError("canary"), asyncio.CancelledError("canary")])
async def test_a_failing_hook_inside_the_transaction_is_a_hook_error_and_the_block_does_not_run(
    event: Event, kind: str, fails: BaseException, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(HookError) as raised:
        await dispatch(event, diary.kinds(fails)[kind], diary.block("block"))
    assert raised.value.__cause__ is fails
    assert raised.value.code == "hook_rejected"
    assert str(raised.value) == f"a hook of {event} failed: {type(fails).__name__}"
    assert "block" not in diary.lines
    assert failures(caplog) == [event]


@pytest.mark.parametrize("event", STRICT)
async def test_a_failing_hook_unwinds_those_that_were_entered_before_it(event: Event, diary: Diary) -> None:
    hooks = [diary.manager("a"), diary.async_manager("b"), diary.plain("c", RuntimeError()), diary.plain("d")]
    with pytest.raises(HookError):
        await dispatch(event, hooks)
    assert diary.lines == ["a in", "b in", "c", "b saw RuntimeError", "b out", "a saw RuntimeError", "a out"]


@pytest.mark.parametrize("event", STRICT)
async def test_a_context_manager_that_fails_when_it_is_left_is_a_hook_error(event: Event, diary: Diary) -> None:
    hooks = [diary.manager("a"), diary.async_manager("b", leaving=RuntimeError())]
    with pytest.raises(HookError):
        await dispatch(event, hooks, diary.block("block"))
    assert diary.lines == ["a in", "b in", "block", "b out", "a saw RuntimeError", "a out"]


@pytest.mark.parametrize("event", STRICT)
async def test_a_store_that_does_not_answer_a_hook_is_not_the_hooks_refusal(event: Event, diary: Diary) -> None:
    failure = UnavailableError()
    with pytest.raises(UnavailableError) as raised:
        await dispatch(event, diary.coroutine("a", failure))
    assert raised.value is failure


@pytest.mark.parametrize("event", STRICT + TOLERANT)
async def test_an_error_of_the_block_is_seen_by_the_context_managers_and_goes_on(
    event: Event, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    failure = LookupError()
    with pytest.raises(LookupError) as raised:
        await dispatch(event, [diary.manager("a"), diary.async_manager("b")], diary.block("x", failure))
    assert raised.value is failure
    assert diary.lines == ["a in", "b in", "x", "b saw LookupError", "b out", "a saw LookupError", "a out"]
    assert failures(caplog) == []


@pytest.mark.parametrize("event", STRICT + TOLERANT)
@pytest.mark.parametrize("fails", [LookupError(), asyncio.CancelledError()])
async def test_no_hook_makes_a_failed_block_pass_for_done(event: Event, fails: BaseException, diary: Diary) -> None:
    def swallow(_context: HookContext[Any]) -> Any:
        return suppress(BaseException)

    with pytest.raises(type(fails)) as raised:
        await dispatch(event, [diary.manager("a"), swallow], diary.block("x", fails))
    assert raised.value is fails


@pytest.mark.parametrize("event", STRICT + TOLERANT)
async def test_the_error_of_the_block_outlives_a_failing_clean_up(
    event: Event, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    failure = LookupError()
    hooks = [diary.manager("a"), diary.manager("b", leaving=RuntimeError())]
    with pytest.raises(LookupError) as raised:
        await dispatch(event, hooks, diary.block("x", failure))
    assert raised.value is failure
    assert failures(caplog) == [event]


@pytest.mark.parametrize("event", TOLERANT)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fails", [RuntimeError("canary"), asyncio.CancelledError(), UnavailableError()])
async def test_a_failing_hook_after_the_commit_is_logged_and_changes_nothing(
    event: Event, kind: str, fails: BaseException, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = [diary.manager("m"), diary.kinds(fails)[kind], diary.plain("z")]
    await dispatch(event, hooks, diary.block("block"))
    first = "a in" if "manager" in kind else "a"
    assert diary.lines == ["m in", first, "z", "block", "m out"]
    assert failures(caplog) == [event]


@pytest.mark.parametrize("event", TOLERANT)
@pytest.mark.parametrize("leaving", [RuntimeError(), asyncio.CancelledError()])
async def test_a_context_manager_that_fails_when_it_is_left_after_the_commit_is_logged(
    event: Event, leaving: BaseException, diary: Diary, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = [diary.manager("a"), diary.async_manager("b", leaving=leaving), diary.manager("c", leaving=leaving)]
    await dispatch(event, hooks, diary.block("block"))
    assert diary.lines == ["a in", "b in", "c in", "block", "c out", "b out", "a out"]
    assert failures(caplog) == [event, event]


@pytest.mark.parametrize("event", STRICT + TOLERANT)
@pytest.mark.parametrize("where", ["hook", "block", "leaving"])
async def test_a_request_that_is_cancelled_is_cancelled_and_unwinds(event: Event, where: str, diary: Diary) -> None:
    reached = asyncio.Event()

    async def wait(_context: HookContext[Any]) -> None:
        reached.set()
        await asyncio.sleep(60)

    @asynccontextmanager
    async def wait_when_left(context: HookContext[Any]) -> AsyncGenerator[None]:
        yield
        await wait(context)

    hooks = {
        "hook": [diary.manager("a"), wait],
        "block": [diary.manager("a")],
        "leaving": [diary.manager("a"), wait_when_left],
    }
    block = functools.partial(wait, CONTEXT) if where == "block" else None
    task = asyncio.create_task(dispatch(event, hooks[where], block))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert diary.lines[-1] == "a out"


def test_the_log_tells_the_event_and_the_traceback(diary: Diary, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(dispatch("on_signin", diary.plain("a", RuntimeError("why"))))
    [record] = [record for record in caplog.records if record.name == "auth"]
    assert (record.getMessage(), vars(record)["hook"]) == ("hook failed", "on_signin")
    assert record.exc_info
    assert isinstance(record.exc_info[1], RuntimeError)


@pytest.mark.parametrize("event", STRICT + TOLERANT)
@pytest.mark.parametrize("hooks", ["greet", [None], [1], ["greet"]])
def test_what_cannot_be_called_is_no_hook(event: Event, hooks: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{event}: expected a function of one HookContext"):
        HookRunner(Hooks(**{event: hooks}))


def test_a_function_that_yields_and_is_no_context_manager_is_refused_as_it_would_do_nothing() -> None:
    def sync(_context: HookContext[Any]) -> Generator[None]:
        yield

    async def asynchronous(_context: HookContext[Any]) -> AsyncGenerator[None]:
        yield

    class Greeter:
        async def __call__(self, _context: HookContext[Any]) -> AsyncGenerator[None]:
            yield

    for hook in (sync, asynchronous, Greeter(), functools.partial(sync)):
        with pytest.raises(ConfigurationError, match="on_signup: a hook that yields needs @contextmanager"):
            HookRunner(Hooks(on_signup=[hook]))


def test_a_context_shows_nothing_of_the_profile() -> None:
    profile = Profile(provider_account_id="1", email="canary@example.org", name="canary")
    assert "canary" not in repr(HookContext(user=CONTEXT.user, db=NoConnection(), profile=profile))
