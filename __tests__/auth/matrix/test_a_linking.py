"""Section A of the attack matrix: flows that link an account, and what else might be made of them."""

import asyncio

from __tests__.auth.hostile.browser import ARRIVAL
from __tests__.auth.hostile.outcomes import assert_e400, assert_er, assert_ok, assert_u401
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site


async def test_a16_link_flow_finished_after_sign_out(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    alice = await site.signed_in()
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("mallory"))
    assert_ok(await alice.post("/auth/signout"))
    answer = await alice.callback(url)
    assert_e400(answer, "invalid_state", "link_session_mismatch")


async def test_a16_link_flow_finished_by_another_user(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=2)
    browser = await site.signed_in()
    url = await browser.authorize(await browser.post("/auth/provider/evil/link"), person("mallory"))
    browser.user = person("bob")
    assert_ok(await browser.sign_in())
    assert_e400(await browser.callback(url), "invalid_state", "link_session_mismatch")


async def test_a16_sign_in_flow_links_nothing(site: Site, row: Row) -> None:
    """A victim who is signed in is made to finish the attacker's sign-in: nothing of theirs is linked."""
    row.expects(users=1, sessions=1)
    victim = await site.signed_in("victim")
    attacker = site.browser(person("mallory"))
    url = await attacker.reach_callback("evil")
    assert_e400(await victim.callback(url), "invalid_state")
    assert [account["provider"] for account in (await victim.get("/auth/accounts")).json()] == ["op"]


async def test_a16_link_flow_of_another_browser(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    attacker, victim = await site.signed_in("mallory"), await site.signed_in("victim")
    url = await attacker.authorize(await attacker.post("/auth/provider/evil/link"), person("mallory"))
    assert_e400(await victim.callback(url), "invalid_state")
    (cookie,) = attacker.flow_cookies
    both = f"{victim.jar.header(victim.base)}; {cookie.name}={cookie.value}"
    stolen = await victim.raw("GET", url, [*ARRIVAL.items(), ("cookie", both)])
    assert_e400(stolen, "invalid_state", "link_session_mismatch")
    assert [account["provider"] for account in (await victim.get("/auth/accounts")).json()] == ["op"]


async def test_a16_a_link_flow_begins_no_session(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=2, sessions=1, token_hits=1, evil_token_hits=1)
    alice = await site.signed_in()
    before = alice.session_cookie
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("alice-there"))
    assert_ok(await alice.callback(url))
    assert alice.session_cookie == before
    assert (await alice.me()).status_code == 200


async def test_a16_linking_needs_a_session(site: Site) -> None:
    browser = site.browser()
    assert_u401(await browser.post("/auth/provider/op/link"))
    assert await site.states() == 0


async def test_a16_link_flow_finished_by_a_disabled_user(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)
    disabled: set[str] = set()
    site = await launch(is_active=lambda user: user.email not in disabled)
    alice = await site.signed_in()
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("alice-there"))
    disabled.add("alice@people.example")
    assert_e400(await alice.callback(url), "link_session_mismatch")


async def test_a16_two_users_link_one_account_at_once(site: Site, row: Row, evil: HostileProvider) -> None:
    row.expects(users=2, accounts=3, sessions=2, evil_token_hits=2)
    browsers = [await site.signed_in(name) for name in ("alice", "bob")]
    evil.knobs.delays = {"token": 0.2}
    urls = [
        await browser.authorize(await browser.post("/auth/provider/evil/link"), person("shared"))
        for browser in browsers
    ]
    answers = await asyncio.gather(*(browser.callback(url) for browser, url in zip(browsers, urls, strict=True)))
    won, lost = sorted(answers, key=lambda answer: len(answer.headers["location"]))
    assert_ok(won)
    assert_er(lost, "account_in_use")


async def test_a16_two_unlinks_at_once_leave_a_way_in(site: Site, row: Row) -> None:
    row.expects(users=1, accounts=1, sessions=1, evil_token_hits=1)
    alice = await site.signed_in()
    url = await alice.authorize(await alice.post("/auth/provider/evil/link"), person("alice-there"))
    assert_ok(await alice.callback(url))
    answers = await asyncio.gather(*(alice.delete(f"/auth/accounts/{provider}") for provider in ("op", "evil")))
    assert sorted(answer.status_code for answer in answers) == [204, 409]
