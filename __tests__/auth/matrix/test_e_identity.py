"""Section E of the attack matrix, for `auth.identity`: what holds for `auth.user` holds for it, cookie cache or not."""

from collections.abc import Awaitable, Callable

import pytest
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.outcomes import assert_er, assert_f403, assert_ok, assert_u401
from __tests__.auth.hostile.provider import person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import OTHER_SECRET, Launch, Site
from examples.alchemy.auth_models import User

DAY = 24 * 3600
CACHE = 60


async def signed_out(site: Site, browser: Browser) -> None:
    assert_ok(await browser.post("/auth/signout"))


async def revoked(site: Site, browser: Browser) -> None:
    other = await site.signed_in()
    assert (await other.delete("/auth/sessions")).json() == {"revoked": 1}
    assert_ok(await other.post("/auth/signout"))


async def deleted(site: Site, browser: Browser) -> None:
    await site.sql("DELETE FROM users")


async def expired(site: Site, browser: Browser) -> None:
    site.stage.clock.advance(7 * DAY + 1)


ENDS: dict[str, tuple[Callable[[Site, Browser], Awaitable[None]], int]] = {
    "signed-out": (signed_out, 1),
    "revoked": (revoked, 2),
    "deleted": (deleted, 1),
    "expired": (expired, 1),
}


@pytest.mark.parametrize(("end", "token_hits"), ENDS.values(), ids=ENDS.keys())
@pytest.mark.parametrize("cache", [0, CACHE], ids=["no-cache", "cache"])
async def test_e00_the_end_of_a_session_is_the_end_of_its_identity(
    *, launch: Launch, row: Row, cache: int, end: Callable[[Site, Browser], Awaitable[None]], token_hits: int
) -> None:
    site = await launch(session={"cookie_cache": cache})
    browser = await site.signed_in()
    assert (await browser.get("/identity")).status_code == 200
    saved = browser.jar.snapshot()
    await end(site, browser)
    site.stage.clock.advance(cache)  # what the cookie cache buys is staleness, and never more than this
    saved_browser = site.browser()
    saved_browser.jar = saved
    assert_u401(await saved_browser.get("/identity"))
    assert_u401(await saved_browser.get("/me"))
    gone = end is deleted
    alive = end is expired and (await site.counts()).sessions
    row.expects(users=0 if gone else 1, sessions=1 if alive else 0, token_hits=token_hits, refreshes=True)


@pytest.mark.parametrize("cache", [0, CACHE], ids=["no-cache", "cache"])
async def test_e00_a_disabled_user_has_no_identity(launch: Launch, row: Row, cache: int) -> None:
    row.expects(users=1, sessions=1, token_hits=2, refreshes=True)
    disabled: set[str] = set()
    site = await launch(session={"cookie_cache": cache}, is_active=lambda user: user.email not in disabled)
    browser = await site.signed_in()
    assert (await browser.get("/identity")).status_code == 200
    disabled.add("alice@people.example")
    site.stage.clock.advance(cache)
    assert_u401(await browser.get("/identity"))
    assert_er(await site.browser(person("alice")).sign_in(), "account_disabled")


async def test_e00_an_identity_needs_one_good_session_cookie(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    victim, attacker = await site.signed_in("victim"), await site.signed_in("mallory")
    mine, planted = victim.session_cookie, attacker.session_cookie
    for header in (
        "",
        "belgie_session=",
        "belgie_session=garbage",
        f"belgie_session={mine}; belgie_session={planted}",
        f"belgie_session={planted}; belgie_session={mine}",
        f"belgie_session={mine}x",
    ):
        assert_u401(await victim.raw("GET", "/identity", [("cookie", header)]))
    assert_u401(await victim.raw("GET", "/identity", [("authorization", f"Bearer {mine}")]))
    assert (await victim.get("/identity")).json()["id"] == (await victim.me()).json()["id"]


async def test_e00_scopes_of_an_identity_are_exact_and_fresh(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for scopes in (None, [], ["Admin"], ["admin "], ["admins"], ["*"], list("admin")):
        await site.change(User, scopes=scopes)
        assert_f403(await browser.get("/identity/admin"), "insufficient_scope")
    await site.change(User, scopes=["admin"])
    assert (await browser.get("/identity/admin")).status_code == 200
    await site.change(User, scopes=[])
    assert_f403(await browser.get("/identity/admin"), "insufficient_scope")


async def cached(browser: Browser) -> str:
    """The value of the identity cookie that the browser holds."""
    assert (await browser.get("/identity")).status_code == 200
    (cookie,) = [one for one in browser.jar if one.name != "belgie_session" and "flow" not in one.name]
    assert cookie.http_only
    assert cookie.same_site == "lax"
    assert cookie.path == "/"
    assert int(cookie.attributes["max-age"]) <= CACHE
    return f"{cookie.name}={cookie.value}"


async def test_e13_a_cached_identity_is_bound_to_its_session(launch: Launch, row: Row) -> None:
    row.expects(users=2, sessions=2, refreshes=True)
    site = await launch(session={"cookie_cache": CACHE})
    admin, mallory = await site.signed_in("admin"), await site.signed_in("mallory")
    await site.sql("UPDATE users SET name = 'x'")
    theirs, own = await cached(admin), await cached(mallory)
    mallorys_id = (await mallory.me()).json()["id"]
    session = f"belgie_session={mallory.session_cookie}"
    for identity in (theirs, f"{theirs}; {own}", f"{own}; {theirs}"):
        answer = await mallory.raw("GET", "/identity", [("cookie", f"{session}; {identity}")])
        assert answer.json() == {"id": mallorys_id}
    assert_u401(await mallory.raw("GET", "/identity", [("cookie", theirs)]))
    assert_u401(await mallory.raw("GET", "/me", [("cookie", theirs)]))
    name, _, value = theirs.partition("=")
    assert_u401(await mallory.raw("GET", "/identity", [("cookie", f"belgie_session={value}")]))
    swapped = f"{session}; {name}={mallory.session_cookie}"
    assert (await mallory.raw("GET", "/identity", [("cookie", swapped)])).json() == {"id": mallorys_id}


async def test_e13_a_forged_identity_gives_no_right(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, refreshes=True)
    site = await launch(session={"cookie_cache": CACHE})
    browser = await site.signed_in()
    await site.change(User, scopes=["admin"])
    identity = await cached(browser)
    await site.change(User, scopes=[])
    name, _, value = identity.partition("=")
    session = f"belgie_session={browser.session_cookie}"
    for position in range(0, len(value), 3):
        other = "A" if value[position] != "A" else "B"
        forged = f"{name}={value[:position]}{other}{value[position + 1 :]}"
        answer = await browser.raw("GET", "/identity/admin", [("cookie", f"{session}; {forged}")])
        assert_f403(answer, "insufficient_scope")


async def test_e13_a_cached_identity_of_another_deployment(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1, refreshes=True)
    first = await launch(session={"cookie_cache": CACHE})
    browser = await first.signed_in()
    identity = await cached(browser)
    second = await launch(secret=[OTHER_SECRET], session={"cookie_cache": CACHE})
    header = f"belgie_session={browser.session_cookie}; {identity}"
    assert_u401(await second.browser().raw("GET", "/identity", [("cookie", header)]))


async def test_e13_sign_out_takes_the_cached_identity_back(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1, refreshes=True)
    site = await launch(session={"cookie_cache": CACHE})
    browser = await site.signed_in()
    await cached(browser)
    assert_ok(await browser.post("/auth/signout"))
    assert len(browser.jar) == 0
    assert_u401(await browser.get("/identity"))


async def test_e13_somebody_elses_sign_in_takes_the_cached_identity_back(launch: Launch, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=2, refreshes=True)
    site = await launch(session={"cookie_cache": CACHE})
    browser = await site.signed_in("bob")
    await cached(browser)
    browser.user = person("alice")
    assert_ok(await browser.sign_in())
    assert (await browser.get("/identity")).json()["id"] == (await browser.me()).json()["id"]


async def test_e13_the_cookie_cache_is_off_by_default(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    assert (await browser.get("/identity")).status_code == 200
    assert [cookie.name for cookie in browser.jar] == ["belgie_session"]
