"""Section A of the attack matrix: the cookie that binds a flow to its browser."""

from datetime import timedelta

import pytest
from __tests__.auth.hostile.browser import ARRIVAL, Browser
from __tests__.auth.hostile.outcomes import assert_e400, assert_ok
from __tests__.auth.hostile.provider import person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import OTHER_SECRET, SECRET, Launch, Site
from examples.alchemy.auth_models import OAuthState

from auth.utils.crypto import ValueSigner


async def test_a11_flow_cookie_with_any_character_changed(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback()
    name, _, value = browser.jar.header(browser.at(url)).partition("=")
    for position, character in enumerate(value):
        changed = "A" if character != "A" else "B"
        forged = f"{name}={value[:position]}{changed}{value[position + 1 :]}"
        assert_e400(await browser.raw("GET", url, [*ARRIVAL.items(), ("cookie", forged)]), "invalid_state")
    assert_ok(await browser.callback(url))


async def test_a11_flow_cookie_truncated_doubled_or_foreign(site: Site, browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback()
    name, _, value = browser.jar.header(browser.at(url)).partition("=")
    other = site.browser()
    await other.start()
    (foreign,) = other.flow_cookies
    forgeries = [value[:length] for length in (0, 1, len(value) // 2, len(value) - 1)]
    forgeries += [f"{value}A", f"{value}=", f'"{value}"', foreign.value, "é", value.upper(), value.partition(".")[0]]
    for forged in forgeries:
        headers = [*ARRIVAL.items(), ("cookie", f"{name}={forged}")]
        assert_e400(await browser.raw("GET", url, headers), "invalid_state")
    twice = f"{name}={value}; {name}={foreign.value}"
    assert_e400(await browser.raw("GET", url, [*ARRIVAL.items(), ("cookie", twice)]), "invalid_state")
    assert_ok(await browser.callback(url))


async def test_a11_flow_cookie_of_another_provider(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback("op")
    (own,) = browser.flow_cookies
    await browser.start("evil")
    other = next(cookie for cookie in browser.flow_cookies if cookie.name != own.name)
    headers = [*ARRIVAL.items(), ("cookie", f"{own.name}={other.value}")]
    assert_e400(await browser.raw("GET", url, headers), "invalid_state")
    assert_ok(await browser.callback(url))


@pytest.mark.parametrize(
    ("secrets", "known"),
    [([OTHER_SECRET, SECRET], True), ([OTHER_SECRET], False)],
    ids=["retired-but-listed", "other-deployment"],
)
async def test_a11_flow_cookie_under_another_key(launch: Launch, row: Row, secrets: list[str], known: bool) -> None:
    before = await launch()
    browser = before.browser()
    url = await browser.reach_callback()
    await launch(secret=secrets)
    if known:
        row.expects(users=1, sessions=1)
        assert_ok(await browser.callback(url))
    else:
        assert_e400(await browser.callback(url), "invalid_state")


async def test_a12_a_flood_of_starts_leaves_few_cookies(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    for _ in range(200):
        await browser.start()
    assert 0 < len(browser.flow_cookies) <= 10
    assert sum(len(cookie.name) + len(cookie.value) + 3 for cookie in browser.jar) < 4096
    assert_ok(await browser.sign_in())


async def test_a12_expired_flows_are_purged(site: Site, browser: Browser) -> None:
    for _ in range(20):
        await browser.start()
    assert await site.states() > 0
    # the store's own clock decides what has expired, so the rows are aged as well
    await site.change(OAuthState, expires_at=site.stage.clock() - timedelta(hours=1))
    site.stage.clock.advance(601)
    await site.browser().start()
    assert await site.states() == 1


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["first-first", "last-first"])
@pytest.mark.parametrize("providers", [("op", "op"), ("op", "evil")], ids=["one-provider", "two-providers"])
async def test_a13_two_tabs(site: Site, row: Row, order: tuple[int, int], providers: tuple[str, str]) -> None:
    browser = site.browser()
    users = [person("tab-one"), person("tab-two")]
    urls = [
        await browser.authorize(await browser.start(provider), user)
        for provider, user in zip(providers, users, strict=True)
    ]
    row.expects(users=2, sessions=1, token_hits=providers.count("op"), evil_token_hits=providers.count("evil"))
    for tab in order:
        assert_ok(await browser.callback(urls[tab]))
    assert (await browser.me()).json()["email"] == users[order[1]]["email"]


async def test_a11_flow_cookie_signed_for_another_purpose(site: Site, browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback()
    (cookie,) = browser.flow_cookies
    content = cookie.value.rpartition(".")[0]
    assert ValueSigner(site.auth.settings.secrets, "flow").sign(content) == cookie.value
    for purpose in ("session", "identity", "flow2", ""):
        forged = ValueSigner(site.auth.settings.secrets, purpose).sign(content)
        assert_e400(
            await browser.raw("GET", url, [*ARRIVAL.items(), ("cookie", f"{cookie.name}={forged}")]), "invalid_state"
        )
    assert_ok(await browser.callback(url))
