"""Section I of the attack matrix: races, hooks, and a database that fails."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from __tests__.auth.hostile.browser import ARRIVAL, Browser
from __tests__.auth.hostile.knobs import Answer
from __tests__.auth.hostile.locker import write_locked
from __tests__.auth.hostile.outcomes import assert_e400, assert_er, assert_error_json, assert_ok
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.proxy import Proxy
from __tests__.auth.hostile.records import Records
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Site, Stage
from __tests__.auth.hostile.waiting import until
from auth import AuthSettings, HookContext, Hooks, HTTPSettings
from examples.alchemy.auth_models import Account, User

type Launch = Callable[..., Awaitable[Site]]


async def signed_in(site: Site, name: str = "alice") -> Browser:
    browser = site.browser(person(name))
    assert_ok(await browser.sign_in())
    return browser


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
    def hook(context: HookContext[Any]) -> Iterator[None]:
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
    await signed_in(site)


async def test_i03_a_slow_sign_up_hook_is_waited_for(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)

    async def slow(context: HookContext[Any]) -> None:
        await asyncio.sleep(0.3)
        context.user.name = "changed by the hook"

    site = await launch(hooks=Hooks(on_signup=slow))
    browser = await signed_in(site)
    assert (await browser.me()).json()["name"] == "changed by the hook"


async def test_i03_a_failing_delete_hook_keeps_the_user(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, server_errors=[500])
    site = await launch(hooks=Hooks(on_delete=raising(RuntimeError("no"))))
    browser = await signed_in(site)
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
    browser = await signed_in(site)
    assert_ok(await browser.post("/auth/signout"))
    assert browser.session_cookie is None


@contextmanager
def failing_commits(site: Site, number: int) -> Iterator[list[int]]:
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


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_i07_a_writer_holds_the_lock_for_a_second(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser()
    url = await browser.reach_callback()
    started = time.monotonic()
    async with write_locked(_path(site), 1.0):
        assert_ok(await browser.callback(url))
    assert time.monotonic() - started >= 0.9


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_i07_a_writer_holds_the_lock_for_too_long(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, server_errors=[503])
    site = await launch(db={"busy_timeout": 0.3})
    visitor = await signed_in(site)
    browser = site.browser(person("late"))
    url = await browser.reach_callback()
    async with write_locked(_path(site), 30):
        answer = await browser.callback(url)
        assert_error_json(answer, 503, "storage_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert (await visitor.me()).status_code == 200  # a reader waits for nobody
    await launch()


def _path(site: Site) -> str:
    return str(site.runtime.settings.model_dump()["database"])


@pytest.fixture
def proxy(stage: Stage, postgres_dsn: str) -> Iterator[Proxy]:
    host, _, port = postgres_dsn.rpartition("@")[2].partition("/")[0].partition(":")
    between = Proxy((host, int(port)), stage.outside)
    between.start()
    yield between
    between.restart()


async def behind(launch: Launch, proxy: Proxy) -> Site:
    return await launch(db={"host": "127.0.0.1", "port": proxy.port, "pool_pre_ping": True})


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_i08_idle_connections_are_cut(launch: Launch, row: Row, proxy: Proxy) -> None:
    row.expects(users=1, sessions=1)
    site = await behind(launch, proxy)
    browser = await signed_in(site)
    for _ in range(3):
        await proxy.cut()
        assert (await browser.me()).status_code == 200
    await launch()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_i08_the_database_is_down(launch: Launch, row: Row, proxy: Proxy) -> None:
    row.expects(users=1, sessions=1, server_errors=[503])
    site = await behind(launch, proxy)
    browser = await signed_in(site)
    await proxy.stop()
    for path in ("/me", "/maybe", "/admin", "/auth/session"):
        answer = await browser.get(path)
        assert_error_json(answer, 503, "storage_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert (await browser.start()).status_code in {303, 503}
    assert (await browser.post("/auth/signout")).status_code == 503
    proxy.restart()
    assert (await browser.me()).status_code == 200
    await launch()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_i08_the_database_goes_away_during_a_sign_in(
    *, launch: Launch, row: Row, proxy: Proxy, op: HostileProvider, stage: Stage
) -> None:
    row.expects(token_hits=1, server_errors=[503])
    site = await behind(launch, proxy)
    browser = site.browser()
    url = await browser.reach_callback()
    op.knobs.delays = {"token": 0.5}
    pending = asyncio.create_task(browser.callback(url))
    await until(lambda: op.token_hits == 1)
    await proxy.stop()
    answer = await pending
    assert_er(answer, "storage_unavailable", "internal_error")
    assert browser.session_cookie is None
    proxy.restart()
    assert await site.counts() == (0, 0, 0)
    await launch()


async def test_i09_fifty_slow_sign_ins_hold_nobody_up(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=51)
    site = await launch(http=HTTPSettings(timeout=3))
    visitor = await signed_in(site)
    op.knobs.delays = {"token": 30}
    browsers = [site.browser() for _ in range(50)]
    urls = [await browser.reach_callback() for browser in browsers]
    pending = [asyncio.create_task(browser.callback(url)) for browser, url in zip(browsers, urls, strict=True)]
    await until(lambda: op.token_hits == 51)
    durations: list[float] = []
    for _ in range(10):
        started = time.monotonic()
        assert (await visitor.me()).status_code == 200
        durations.append(time.monotonic() - started)
    assert statistics.median(durations) < 0.1, durations
    for answer in await asyncio.gather(*pending):
        assert_er(answer, "provider_unavailable")


@pytest.mark.parametrize("table", ["sessions", "users"])
async def test_i10_a_missing_table_is_no_anonymous_user(site: Site, row: Row, table: str) -> None:
    row.expects(users=1, sessions=1, server_errors=[503])
    browser = await signed_in(site)
    await site.sql(f"ALTER TABLE {table} RENAME TO {table}_elsewhere")
    try:
        for path in ("/me", "/maybe", "/auth/session"):
            assert_error_json(await browser.get(path), 503, "storage_unavailable")
    finally:
        await site.sql(f"ALTER TABLE {table}_elsewhere RENAME TO {table}")
    assert (await browser.me()).status_code == 200


async def test_i10_a_missing_table_at_the_start(site: Site, row: Row) -> None:
    row.expects(server_errors=[500, 503])
    await site.sql("ALTER TABLE oauth_states RENAME TO oauth_states_elsewhere")
    try:
        answer = await site.browser().start()
        assert answer.status_code in {303, 500, 503}
        assert not answer.headers.get("location", "").startswith("http")
    finally:
        await site.sql("ALTER TABLE oauth_states_elsewhere RENAME TO oauth_states")


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "short", "base_url": "https://app.example"},
        {"secret": "", "base_url": "https://app.example"},
        {"secret": [], "base_url": "https://app.example"},
        {"secret": SECRET, "base_url": "http://app.example"},
        {"secret": SECRET, "base_url": "https://app.example", "trusted_origins": ["*"]},
        {"secret": SECRET, "base_url": "https://app.example", "trusted_origins": ["https://*.example"]},
        {"secret": SECRET, "base_url": "https://app.example", "trusted_origins": ["null"]},
        {"secret": SECRET, "base_url": "https://app.example", "state_max_age": 86_400},
    ],
)
def test_i11_a_bad_setting_stops_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        AuthSettings(**settings)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("provider", ["unknown", "OP", "op%00", "..", "op%2f", "a" * 5000])
async def test_i11_an_unknown_provider(site: Site, provider: str) -> None:
    for method, path in (("GET", "signin"), ("GET", "callback")):
        answer = await site.browser().raw(method, f"/auth/provider/{provider}/{path}", list(ARRIVAL.items()))
        assert answer.status_code == 404
        assert answer.json()["detail"] in {"unknown_provider", "Not Found"}


async def test_i11_discovery_down_skips_no_check(site: Site, op: HostileProvider) -> None:
    op.knobs.answers = {"discovery": Answer(503)}
    browser = site.browser()
    assert_er(await browser.start(), "provider_unavailable")
    assert len(browser.jar) == 0
    assert await site.states() == 0
