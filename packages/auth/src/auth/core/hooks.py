"""What the application does when somebody signs up, in, out or leaves."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from starlette.requests import HTTPConnection

from auth.core.events import logger
from auth.core.exceptions import ConfigurationError, HookError
from auth.providers.protocols import Profile
from proto import DBConnection, UnavailableError, UserProtocol

type HookEvent = Literal["on_signup", "on_signin", "on_signout", "on_delete"]


@dataclass(frozen=True, kw_only=True)  # no slots: generic ones break on Python 3.12
class HookContext[UserT: UserProtocol[Any]]:
    """What a hook is told.

    Attributes:
        user: whom it is about.
        db: the connection, inside the transaction for `on_signup` and `on_delete`.
        request: the request, where there is one.
        provider: the provider's id, for `on_signup` and `on_signin`.
        profile: what the provider said, for `on_signup` and `on_signin`.
    """

    user: UserT
    db: DBConnection
    request: HTTPConnection | None = None
    provider: str | None = None
    profile: Profile | None = field(default=None, repr=False)


type Hook = Callable[[HookContext[Any]], object]
"""A function of one `HookContext`: plain, `async`, or returning a context manager (`@contextmanager` and its like)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """The application's hooks: for each event none, one, or several that run in their order.

    A function runs at the event. A context manager is entered at the event and left when what follows is done.

    | event | when | a failure |
    |---|---|---|
    | `on_signup` | inside the transaction, when the new user is written | undoes the sign-up |
    | `on_delete` | inside the transaction, before the user is deleted | undoes the deletion |
    | `on_signin` | after the commit | is logged, changes nothing |
    | `on_signout` | after the commit | is logged, changes nothing |
    """

    on_signup: Hook | Sequence[Hook] | None = None
    on_signin: Hook | Sequence[Hook] | None = None
    on_signout: Hook | Sequence[Hook] | None = None
    on_delete: Hook | Sequence[Hook] | None = None


_INSIDE_TRANSACTION: Final = frozenset[HookEvent]({"on_signup", "on_delete"})


class HookRunner:
    """Runs an application's hooks.

    Raises:
        ConfigurationError: a hook is no function, or one that yields without being a context manager.
    """

    def __init__(self, hooks: Hooks | None = None) -> None:
        chosen = hooks or Hooks()
        self._hooks: dict[HookEvent, tuple[Hook, ...]] = {
            "on_signup": _as_tuple("on_signup", chosen.on_signup),
            "on_signin": _as_tuple("on_signin", chosen.on_signin),
            "on_signout": _as_tuple("on_signout", chosen.on_signout),
            "on_delete": _as_tuple("on_delete", chosen.on_delete),
        }

    @asynccontextmanager
    async def dispatch(self, event: HookEvent, context: HookContext[Any]) -> AsyncGenerator[None]:
        """Run the hooks of `event` around the block.

        Raises:
            HookError: a hook of `on_signup` or `on_delete` failed. Other hooks' failures are logged. A hook does not
                keep an error of the block from going on.
        """
        run = self._strictly if event in _INSIDE_TRANSACTION else self._tolerantly
        async with run(event, context):
            yield

    @asynccontextmanager
    async def _strictly(self, event: HookEvent, context: HookContext[Any]) -> AsyncGenerator[None]:
        from_block: BaseException | None = None
        try:
            async with AsyncExitStack() as stack:
                for hook in self._hooks[event]:
                    await _run(hook, context, stack)
                try:
                    yield
                except BaseException as error:
                    from_block = error
                    raise
        except (Exception, asyncio.CancelledError) as error:
            if error is from_block or isinstance(error, UnavailableError) or _is_cancelled(error):
                raise
            _log_failure(event)
            if from_block is None:
                raise HookError(f"a hook of {event} failed: {type(error).__name__}") from error
        if from_block is not None:
            raise from_block  # whatever a context manager made of it: what failed must not pass for done

    @asynccontextmanager
    async def _tolerantly(self, event: HookEvent, context: HookContext[Any]) -> AsyncGenerator[None]:
        async with AsyncExitStack() as stack:
            for hook in self._hooks[event]:
                entered = AsyncExitStack()
                try:
                    await _run(hook, context, entered)
                except (Exception, asyncio.CancelledError) as error:
                    if _is_cancelled(error):
                        raise
                    _log_failure(event)  # and no more: the event's hooks change nothing
                stack.push_async_exit(_leave_tolerantly(event, entered))
            yield


async def _run(hook: Hook, context: HookContext[Any], stack: AsyncExitStack) -> None:
    result: Any = hook(context)
    if isinstance(result, AbstractAsyncContextManager):
        await stack.enter_async_context(cast("AbstractAsyncContextManager[object]", result))
    elif isinstance(result, AbstractContextManager):
        stack.enter_context(cast("AbstractContextManager[object]", result))
    elif inspect.isawaitable(result):
        await result


def _leave_tolerantly(event: HookEvent, entered: AsyncExitStack) -> Callable[..., Awaitable[bool]]:
    async def leave(*exception_info: Any) -> bool:
        try:
            await entered.__aexit__(*exception_info)
        except (Exception, asyncio.CancelledError) as error:
            if error is not exception_info[1]:
                if _is_cancelled(error):
                    raise
                _log_failure(event)  # and no more: the event's hooks change nothing
        return False

    return leave


def _is_cancelled(error: BaseException) -> bool:
    """Whether the task is being cancelled, rather than a hook having raised `CancelledError` on its own."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0


def _log_failure(event: HookEvent) -> None:
    logger.exception("hook failed", extra={"event": "hook_failed", "hook": event})


def _as_tuple(event: HookEvent, hooks: Hook | Sequence[Hook] | None) -> tuple[Hook, ...]:
    if hooks is None:
        return ()
    found = (hooks,) if callable(hooks) else tuple(hooks)
    for hook in found:
        if not callable(hook):
            raise ConfigurationError(f"{event}: expected a function of one HookContext, or several in a list")
        if any(is_generator(one) for one in (hook, hook.__call__) for is_generator in _GENERATORS):
            # called, it would do nothing at all, and nobody would notice
            raise ConfigurationError(f"{event}: a hook that yields needs @contextmanager or @asynccontextmanager")
    return found


_GENERATORS: Final = (inspect.isgeneratorfunction, inspect.isasyncgenfunction)
