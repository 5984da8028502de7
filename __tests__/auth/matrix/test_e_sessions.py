"""Section E of the attack matrix: how long a session lives."""

import asyncio
from datetime import timedelta

import pytest
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.outcomes import assert_ok, assert_u401
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site
from examples.alchemy.auth_models import Session

DAY = 24 * 3600


async def with_session(browser: Browser, *values: str) -> int:
    """The status of `/me` for a request with these session cookies."""
    header = "; ".join(f"belgie_session={value}" for value in values)
    answer = await browser.raw("GET", "/me", [("cookie", header)])
    if answer.status_code != 200:
        assert_u401(answer)
    return answer.status_code


def value_of(browser: Browser) -> str:
    assert browser.session_cookie is not None
    return browser.session_cookie


async def test_e15_idle_session_ends(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    value = value_of(browser)
    site.stage.clock.advance(7 * DAY - 60)
    with_grace = site.browser()
    assert await site.counts() == (1, 1, 1)
    site.stage.clock.advance(61)
    assert await with_session(with_grace, value) == 401
    assert (await site.counts()).sessions == 0


async def test_e15_session_ends_at_the_very_moment(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    await site.change(Session, expires_at=site.stage.clock() + timedelta(seconds=2))
    assert await with_session(browser, value_of(browser)) == 200
    await site.change(Session, expires_at=site.stage.clock())
    assert await with_session(browser, value_of(browser)) == 401
    assert (await site.counts()).sessions == 0


async def test_e15_a_clock_that_goes_back_opens_nothing_new(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    value = value_of(browser)
    site.stage.clock.advance(-3600)
    assert await with_session(browser, value) == 200
    site.stage.clock.advance(3600 + 8 * DAY)
    assert await with_session(browser, value) == 401
    site.stage.clock.reset()
    assert await with_session(browser, value) == 401


async def test_e16_use_does_not_carry_past_the_absolute_limit(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1, refreshes=True)
    browser = await site.signed_in()
    value = value_of(browser)
    alive = 0
    for _ in range(100):
        site.stage.clock.advance(8 * 3600)
        if await with_session(browser, value) == 200:
            alive += 1
    assert alive in {89, 90}  # 30 days of 8 hours
    assert (await site.counts()).sessions == 0


async def test_e17_thirty_requests_refresh_once(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, refreshes=True)
    browser = await site.signed_in()
    value = value_of(browser)
    site.stage.clock.advance(DAY + 1)
    statuses = await asyncio.gather(*(with_session(browser, value) for _ in range(30)))
    assert set(statuses) == {200}
    (session,) = await site.rows(Session)
    assert session.expires_at > site.stage.clock() + timedelta(days=6, hours=23)


async def test_e17_a_refresh_does_not_resurrect_a_session(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=5, refreshes=True)
    for _ in range(5):
        browser = await site.signed_in()
        value = value_of(browser)
        site.stage.clock.advance(DAY + 1)
        reads = [asyncio.create_task(with_session(browser, value)) for _ in range(10)]
        signout = asyncio.create_task(browser.post("/auth/signout"))
        reads += [asyncio.create_task(with_session(browser, value)) for _ in range(10)]
        assert_ok(await signout)
        await asyncio.gather(*reads)
        assert await with_session(browser, value) == 401
        assert (await site.counts()).sessions == 0
        site.stage.clock.reset()


@pytest.mark.parametrize("path", ["/auth/session", "/auth/sessions", "/auth/accounts"])
async def test_e18_answers_are_kept_by_no_cache(site: Site, row: Row, path: str) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for answer in (await browser.get(path), await site.browser().get(path)):
        assert answer.headers["cache-control"] == "no-store"
        assert "cookie" in answer.headers["vary"].lower()
        assert "set-cookie" not in answer.headers


async def test_e18_a_refusal_of_the_applications_own_route_is_kept_by_no_cache(site: Site) -> None:
    answer = await site.browser().get("/me")
    assert_u401(answer)
    assert answer.headers["cache-control"] == "no-store"
