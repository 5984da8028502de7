"""Section A of the attack matrix: state, the issuer of the answer, and how a flow begins."""

import asyncio
import itertools
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from __tests__.auth.hostile.browser import ARRIVAL, NAVIGATION, Browser, query_of, with_query
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_e400, assert_er, assert_f403, assert_ok, assert_u401, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import Account, OAuthState
from sqlalchemy.ext.asyncio import AsyncSession

SCRIPT_TAG = "<script>alert(1)</script>"


async def test_a01_sequential_state_replay(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback()
    before = browser.jar.snapshot()
    assert_ok(await browser.callback(url))
    browser.jar = before
    assert_e400(await browser.callback(url), "invalid_state")


async def test_a02_parallel_state_replay(launch: Launch, row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(db={"pool_size": 30})
    read = site.adapter.get_oauth_state

    async def read_slowly(db: AsyncSession, state: str) -> OAuthState | None:
        """What a slow moment does: everybody has read the row before anybody deletes it."""
        found = await read(db, state)
        await asyncio.sleep(0.5)
        return found

    monkeypatch.setattr(site.adapter, "get_oauth_state", read_slowly)
    browser = site.browser()
    url = await browser.reach_callback()
    headers = [*ARRIVAL.items(), ("cookie", browser.jar.header(browser.at(url)))]
    answers = await asyncio.gather(*(browser.raw("GET", url, headers) for _ in range(30)))
    assert sorted(answer.status_code for answer in answers) == [303] + [400] * 29
    for answer in answers:
        if answer.status_code == 400:
            assert_e400(answer, "invalid_state")


@pytest.mark.parametrize("own_flow", [False, True], ids=["no-cookie", "own-flow-cookie"])
async def test_a03_state_from_another_browser(site: Site, row: Row, own_flow: bool) -> None:
    row.expects(users=1, sessions=1)
    attacker, victim = site.browser(person("attacker")), site.browser(person("victim"))
    url = await attacker.reach_callback()
    if own_flow:
        await victim.start()
    assert_e400(await victim.callback(url), "invalid_state")
    assert victim.session_cookie is None
    assert_ok(await attacker.callback(url))  # the victim's request has not burned it


async def test_a04_malformed_state(browser: Browser) -> None:
    await browser.start()
    for query in [
        "",
        "code=c",
        "code=c&state=",
        "code=c&state=a&state=b",
        f"code=c&state={'x' * 10_240}",
        "code=c&state=%C3%A9%E2%82%AC",
        "code=c&state=%FF%FE",
        "code=c&state=a%00b",
        "code=c&state=%F0%90%80",
    ]:
        with case(query):
            assert_e400(await browser.callback(f"/auth/provider/op/callback?{query}"), "invalid_state")


async def test_a04_duplicate_of_a_good_state(browser: Browser, row: Row) -> None:
    url = await browser.reach_callback()
    state = query_of(url)["state"]
    assert_e400(await browser.callback(f"{url}&state={state}"), "invalid_state")


async def test_a04_callback_by_post(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    url = await browser.reach_callback()
    answer = await browser.post(url.partition("?")[0], data=query_of(url))
    assert answer.status_code == 405
    assert_ok(await browser.callback(url))


async def test_a05_mix_up_of_callbacks(browser: Browser, row: Row) -> None:
    url = await browser.reach_callback("evil")
    swapped = url.replace("/provider/evil/", "/provider/op/")
    assert swapped != url
    assert_e400(await browser.callback(swapped), "invalid_state")
    every_cookie = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.jar)
    assert_e400(await browser.raw("GET", swapped, [("cookie", every_cookie)]), "invalid_state")


def _issuers(op: HostileProvider, evil: HostileProvider) -> dict[str, str | None]:
    return {"other": evil.issuer, "slash": f"{op.issuer}/", "missing": None, "empty": "", "own": op.issuer}


async def test_a06_issuer_of_the_answer(row: Row, op: HostileProvider, evil: HostileProvider, site: Site) -> None:
    row.expects(users=1, sessions=3)
    for advertised in [True, False]:
        for kind in ["other", "slash", "missing", "empty", "own"]:
            op.turn_honest()
            site.stage.clock.forget()
            browser = site.browser()
            with case((advertised, kind)):
                good = kind == "own" or (kind == "missing" and not advertised)
                op.knobs.metadata = {"authorization_response_iss_parameter_supported": advertised}
                url = await browser.reach_callback()
                answer = await browser.callback(with_query(url, iss=_issuers(op, evil)[kind]))
                if good:
                    assert_ok(answer)
                else:
                    assert_er(answer, "issuer_mismatch")


async def test_a06_issuer_of_an_error_answer(op: HostileProvider, evil: HostileProvider, site: Site) -> None:
    for kind in ["other", "slash", "missing"]:
        op.turn_honest()
        site.stage.clock.forget()
        browser = site.browser()
        with case(kind):
            op.knobs.metadata = {"authorization_response_iss_parameter_supported": True}
            op.knobs.callback_params = {"code": MISSING, "error": "access_denied"}
            url = await browser.reach_callback()
            assert_er(await browser.callback(with_query(url, iss=_issuers(op, evil)[kind])), "issuer_mismatch")


async def test_a06_two_issuers(browser: Browser, op: HostileProvider, evil: HostileProvider) -> None:
    url = await browser.reach_callback()
    both = f"{url}&{urlencode({'iss': op.issuer})}&{urlencode({'iss': evil.issuer})}"
    assert_er(await browser.callback(both), "issuer_mismatch", "invalid_callback")


@pytest.mark.parametrize("aged", ["clock", "row"])
async def test_a07_expired_state(site: Site, browser: Browser, aged: str) -> None:
    url = await browser.reach_callback()
    cookie = browser.jar.header(browser.at(url))
    if aged == "clock":
        site.stage.clock.advance(601)
    else:
        await site.change(OAuthState, expires_at=site.stage.clock() - timedelta(seconds=1))
    headers = [*ARRIVAL.items(), ("cookie", cookie)]
    assert_e400(await browser.raw("GET", url, headers), "expired_state", "invalid_state")
    assert await site.states() == 0
    assert_e400(await browser.raw("GET", url, headers), "invalid_state", "expired_state")


async def test_a07_a_browser_forgets_an_expired_flow(site: Site, browser: Browser) -> None:
    url = await browser.reach_callback()
    site.stage.clock.advance(601)
    assert browser.jar.header(browser.at(url)) == ""
    assert_e400(await browser.callback(url), "invalid_state", "expired_state")


async def test_a14_the_provider_reports_an_error(op: HostileProvider, site: Site) -> None:
    for error, code in [
        ("access_denied", "access_denied"),
        ("server_error", "provider_error"),
        ("temporarily_unavailable", "provider_error"),
        ("login_required", "provider_error"),
        (SCRIPT_TAG, "provider_error"),
        ("internal_error\r\nSet-Cookie: x=1", "provider_error"),
    ]:
        op.turn_honest()
        browser = site.browser()
        with case((error, code)):
            op.knobs.callback_params = {
                "code": MISSING,
                "error": error,
                "error_description": SCRIPT_TAG,
                "error_uri": "javascript:alert(1)",
            }
            answer = await browser.sign_in()
            assert_er(answer, code)
            assert "script" not in answer.text + answer.headers["location"]


async def test_a14_an_error_burns_the_state(browser: Browser, op: HostileProvider) -> None:
    op.knobs.callback_params = {"code": MISSING, "error": "access_denied"}
    url = await browser.reach_callback()
    before = browser.jar.snapshot()
    assert_er(await browser.callback(url), "access_denied")
    browser.jar = before
    assert_e400(await browser.callback(url), "invalid_state")


async def test_a14_an_error_without_state(browser: Browser) -> None:
    await browser.start()
    query = urlencode({"error": "access_denied", "error_description": SCRIPT_TAG})
    answer = await browser.callback(f"/auth/provider/op/callback?{query}")
    assert_e400(answer, "invalid_state")
    assert "script" not in answer.text


async def test_a00_an_answer_that_is_no_code(site: Site) -> None:
    for changes in [
        {"code": None},
        {"code": ""},
        {"code": None, "access_token": "t", "id_token": "a.b.c"},
        {"code": "c", "error": "access_denied"},
    ]:
        browser = site.browser()
        url = await browser.reach_callback()
        with case(changes):
            assert_er(await browser.callback(with_query(url, **changes)), "invalid_callback", "access_denied")


async def test_a15_sign_in_while_somebody_else_is_signed_in(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=2)
    browser = site.browser(person("bob"))
    assert_ok(await browser.sign_in())
    bobs = browser.jar.snapshot()
    browser.user = person("alice")
    assert_ok(await browser.sign_in())
    assert (await browser.me()).json()["email"] == "alice@people.example"
    browser.jar = bobs
    assert_u401(await browser.me())
    owners = {account.provider_account_id: account.user_id for account in await site.rows(Account)}
    assert owners["alice"] != owners["bob"]


async def test_a15_sign_in_at_another_provider_links_nothing(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=1, evil_token_hits=1)
    browser = site.browser(person("bob"))
    assert_ok(await browser.sign_in("op"))
    browser.user = person("alice")
    assert_ok(await browser.sign_in("evil"))
    owners = {account.provider: account.user_id for account in await site.rows(Account)}
    assert owners["op"] != owners["evil"]


FETCHES = [
    *itertools.product(["no-cors", "cors"], ["image", "empty", "script", "style"]),
    ("navigate", "iframe"),
    ("navigate", "object"),
    ("navigate", "embed"),
    ("nested-navigate", "frame"),
]


async def test_a17_cross_site_subresource_starts_nothing(site: Site, browser: Browser) -> None:
    for mode, destination in FETCHES:
        with case((mode, destination)):
            headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": destination}
            assert_f403(await browser.get("/auth/provider/op/signin", headers=headers))
            assert len(browser.jar) == 0
            assert await site.states() == 0


async def test_a17_top_level_navigation_may_start(site: Site) -> None:
    for site_header in ["same-origin", "same-site", "none", "cross-site"]:
        browser = site.browser()
        with case(site_header):
            headers = {"sec-fetch-site": site_header, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
            answer = await browser.get("/auth/provider/op/signin", headers=headers)
            assert answer.status_code in {302, 303}
            assert len(browser.flow_cookies) == 1


async def test_a17_head_starts_nothing(site: Site, browser: Browser) -> None:
    answer = await browser.request("HEAD", "/auth/provider/op/signin", headers=NAVIGATION)
    assert answer.status_code == 405
    assert await site.states() == 0


async def test_a00_a_code_that_is_none(site: Site) -> None:
    for code in ["a\nb", "a\x00b", "\u00e9", "x" * 5000]:
        browser = site.browser()
        url = await browser.reach_callback()
        with case(code):
            assert_er(await browser.callback(with_query(url, code=code)), "invalid_callback")


async def test_a00_two_codes(browser: Browser) -> None:
    url = await browser.reach_callback()
    assert_er(await browser.callback(f"{url}&code=another"), "invalid_callback")
