"""Section I of the attack matrix: races, hooks and failing commits."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from __tests__.auth.hostile.outcomes import assert_e400, assert_er, assert_ok
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.records import Records
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from __tests__.auth.hostile.waiting import until
from examples.alchemy.auth_models import Account, User
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from auth import HookContext, Hooks


async def arrive_together(site: Site, people: list[dict[str, Any]]) -> list[httpx.Response]:
    """Everybody's browser is sent back by the provider in the same moment."""
    browsers = [site.browser(one) for one in people]
    urls = [await browser.reach_callback() for browser in browsers]
    return await asyncio.gather(*(browser.callback(url) for browser, url in zip(browsers, urls, strict=True)))


async def test_i01_ten_callbacks_of_one_new_user(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=10)
    for answer in await arrive_together(site, [person("alice")] * 10):
        assert_ok(answer)
    (user,) = await site.rows(User)
    (account,) = await site.rows(Account)
    assert account.user_id == user.id


async def test_i02_ten_new_accounts_with_one_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=10)
    people = [person(f"p{number}", email="same@people.example") for number in range(10)]
    answers = await arrive_together(site, people)
    winners = [answer for answer in answers if answer.headers["location"] == "/"]
    assert len(winners) == 1
    for answer in answers:
        if answer not in winners:
            assert_er(answer, "account_not_linked")


async def test_i02_ten_unverified_accounts_with_one_address(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=10)
    people = [person(f"p{number}", email="same@people.example", email_verified=False) for number in range(10)]
    answers = await arrive_together(site, people)
    assert [answer.headers["location"] for answer in answers].count("/") == 1


def raising(error: BaseException) -> Callable[[HookContext[Any]], None]:
    def hook(context: HookContext[Any]) -> None:
        raise error

    return hook


def raising_later(error: BaseException) -> Callable[[HookContext[Any]], Awaitable[None]]:
    async def hook(context: HookContext[Any]) -> None:
        await asyncio.sleep(0.01)
        raise error

    return hook


def raising_on_the_way_out(error: BaseException) -> Callable[[HookContext[Any]], Any]:
    @contextmanager
    def hook(context: HookContext[Any]) -> Generator[None]:
        yield
        raise error

    return hook


FAILURES: dict[str, Callable[..., Any]] = {
    "sync": raising(RuntimeError("no")),
    "async": raising_later(RuntimeError("no")),
    "cancelled": raising_later(asyncio.CancelledError()),
    "way-out": raising_on_the_way_out(RuntimeError("no")),
    "value-error": raising(ValueError("no")),
    "timeout": raising_later(TimeoutError()),
}


@pytest.mark.parametrize("hook", FAILURES.values(), ids=FAILURES.keys())
async def test_i03_a_failing_sign_up_hook_leaves_no_user(launch: Launch, row: Row, hook: Callable[..., Any]) -> None:
    row.expects(token_hits=1)
    site = await launch(hooks=Hooks(on_signup=hook))
    browser = site.browser()
    assert_er(await browser.sign_in(), "hook_rejected", "internal_error")
    assert browser.session_cookie is None
    assert await site.counts() == (0, 0, 0)
    await launch()  # without the hook, so that the next honest person can sign up


async def test_i03_the_second_of_two_hooks_fails(launch: Launch, row: Row) -> None:
    row.expects(token_hits=1)
    seen: list[str] = []

    async def first(context: HookContext[Any]) -> None:
        seen.append(context.user.email)
        context.user.name = "changed by the first hook"

    site = await launch(hooks=Hooks(on_signup=[first, raising(RuntimeError("no"))]))
    assert_er(await site.browser().sign_in(), "hook_rejected", "internal_error")
    assert seen == ["alice@people.example"]
    await launch()


@pytest.mark.parametrize("junk", [7, "text", object(), [], False])
async def test_i03_a_hook_that_returns_junk(launch: Launch, row: Row, junk: object) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(hooks=Hooks(on_signup=lambda context: junk, on_signin=lambda context: junk))
    await site.signed_in()


async def test_i03_a_slow_sign_up_hook_is_waited_for(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)

    async def slow(context: HookContext[Any]) -> None:
        await asyncio.sleep(0.3)
        context.user.name = "changed by the hook"

    site = await launch(hooks=Hooks(on_signup=slow))
    browser = await site.signed_in()
    assert (await browser.me()).json()["name"] == "changed by the hook"


async def test_i03_a_failing_delete_hook_keeps_the_user(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, server_errors=[500])
    site = await launch(hooks=Hooks(on_delete=raising(RuntimeError("no"))))
    browser = await site.signed_in()
    assert (await browser.delete("/account")).status_code >= 400
    assert (await browser.me()).status_code == 200


@pytest.mark.parametrize("hook", FAILURES.values(), ids=FAILURES.keys())
async def test_i04_a_failing_sign_in_hook_changes_nothing(
    launch: Launch, row: Row, records: Records, hook: Callable[..., Any]
) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(hooks=Hooks(on_signin=hook))
    browser = site.browser()
    assert_ok(await browser.sign_in())
    assert (await browser.me()).status_code == 200
    assert len([line for line in records.of("auth") if line.extras.get("event") == "hook_failed"]) == 1


async def test_i04_a_failing_sign_out_hook_changes_nothing(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    site = await launch(hooks=Hooks(on_signout=raising(RuntimeError("no"))))
    browser = await site.signed_in()
    assert_ok(await browser.post("/auth/signout"))
    assert browser.session_cookie is None


@contextmanager
def failing_commits(site: Site, number: int) -> Generator[list[int]]:
    """Let the commit with this number fail, counted from now, as when the disk is full."""
    count = [0]

    def fail(connection: object) -> None:
        count[0] += 1
        if count[0] == number:
            raise OperationalError("COMMIT", {}, OSError("no space left on device"))

    engine = site.runtime.engine.sync_engine
    event.listen(engine, "commit", fail)
    try:
        yield count
    finally:
        event.remove(engine, "commit", fail)


async def test_i05_the_commit_of_a_sign_in_fails(site: Site, row: Row) -> None:
    row.expects(token_hits=1)
    browser = site.browser()
    url = await browser.reach_callback()
    with failing_commits(site, 2) as commits:  # the first one consumes the state
        answer = await browser.callback(url)
    assert commits[0] == 2
    assert_er(answer, "internal_error", "storage_unavailable")
    assert browser.session_cookie is None
    assert await site.counts() == (0, 0, 0)


async def test_i05_the_commit_that_consumes_the_state_fails(site: Site, row: Row) -> None:
    row.expects(token_hits=0, server_errors=[500, 503])
    browser = site.browser()
    url = await browser.reach_callback()
    with failing_commits(site, 1):
        answer = await browser.callback(url)
    assert answer.status_code in {303, 500, 503}
    assert browser.session_cookie is None


async def test_i05_the_commit_of_a_start_fails(site: Site, row: Row) -> None:
    row.expects(server_errors=[500, 503])
    browser = site.browser()
    with failing_commits(site, 1):
        answer = await browser.start()
    assert answer.status_code in {303, 500, 503}
    assert not answer.headers.get("location", "").startswith("http")
    assert len(browser.jar) == 0


async def test_i06_the_browser_goes_away_in_the_middle(site: Site, row: Row, op: HostileProvider) -> None:
    browser = site.browser()
    url = await browser.reach_callback()
    op.knobs.delays = {"token": 0.5}
    reader, writer = await asyncio.open_connection("127.0.0.1", site.stage.port)
    path = url.removeprefix(site.stage.base_url)
    cookie = browser.jar.header(browser.at(url))
    writer.write(f"GET {path} HTTP/1.1\r\nHost: app\r\nCookie: {cookie}\r\n\r\n".encode())
    await writer.drain()
    await until(lambda: op.token_hits == 1)
    writer.transport.abort()
    await asyncio.sleep(1.2)
    counts = await site.counts()
    assert counts in {(0, 0, 0), (1, 1, 1)}, "half a sign-in was written"
    row.expects(users=counts.users, sessions=counts.sessions, token_hits=1)
    assert await site.states() == 0
    assert await site.checked_out() == 0
    assert_e400(await browser.callback(url), "invalid_state")
    assert reader.at_eof() or reader.exception() is not None
