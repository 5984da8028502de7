"""Section I of the attack matrix: a database or configuration that fails."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from __tests__.auth.hostile.browser import ARRIVAL
from __tests__.auth.hostile.knobs import Answer
from __tests__.auth.hostile.locker import write_locked
from __tests__.auth.hostile.outcomes import assert_er, assert_error_json, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.proxy import Proxy
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Launch, Site, Stage
from __tests__.auth.hostile.waiting import until
from pydantic import ValidationError

from auth import AuthSettings, HTTPSettings


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
    visitor = await site.signed_in()
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
    browser = await site.signed_in()
    for _ in range(3):
        await proxy.cut()
        assert (await browser.me()).status_code == 200
    await launch()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_i08_the_database_is_down(launch: Launch, row: Row, proxy: Proxy) -> None:
    row.expects(users=1, sessions=1, server_errors=[503])
    site = await behind(launch, proxy)
    browser = await site.signed_in()
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
    visitor = await site.signed_in()
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
    browser = await site.signed_in()
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


async def test_i11_an_unknown_provider(site: Site) -> None:
    for provider in ["unknown", "OP", "op%00", "..", "op%2f", "a" * 5000]:
        with case(provider):
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
