"""Section A of the attack matrix: flows that link an account, and what else might be made of them."""

from __tests__.auth.hostile.browser import ARRIVAL
from __tests__.auth.hostile.outcomes import assert_e400, assert_ok, assert_u401
from __tests__.auth.hostile.provider import person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Site


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
