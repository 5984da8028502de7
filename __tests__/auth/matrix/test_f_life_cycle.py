"""Section F of the attack matrix: how sessions and users end, and stay ended."""

from uuid import uuid4

import pytest
from __tests__.auth.hostile.browser import SCRIPT
from __tests__.auth.hostile.outcomes import (
    assert_e400,
    assert_er,
    assert_error_json,
    assert_f403,
    assert_ok,
    assert_u401,
    case,
)
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import Account, User

from auth import LinkingPolicy


async def test_f01_nothing_works_after_sign_out(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    other_tab = site.browser()
    other_tab.jar = browser.jar.snapshot()
    saved = browser.session_cookie
    assert_ok(await browser.post("/auth/signout"))
    assert (await site.counts()).sessions == 0
    assert_u401(await browser.me())
    assert_u401(await other_tab.me())
    for path in ("/me", "/auth/session", "/auth/sessions", "/auth/accounts"):
        assert_u401(await browser.raw("GET", path, [("cookie", f"belgie_session={saved}")]))
    assert (await other_tab.get("/maybe")).json() == {"id": None}


CROSS_SITE: list[dict[str, str]] = [
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
]


async def test_f02_another_site_cannot_sign_out(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for headers in CROSS_SITE:
        with case(headers):
            assert_f403(await browser.request("POST", "/auth/signout", headers=headers))
            assert not browser.exchanges[-1].cookies
            assert (await browser.me()).status_code == 200


async def test_f02_sign_out_is_a_post(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        with case(method):
            answer = await browser.request(method, "/auth/signout", headers={**SCRIPT, "origin": browser.origin})
            assert answer.status_code == 405
            assert (await browser.me()).status_code == 200


async def test_f02_sign_out_without_a_session(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    nobody = site.browser()
    assert_ok(await nobody.post("/auth/signout"))
    browser = await site.signed_in()
    dead = browser.jar.snapshot()
    assert_ok(await browser.post("/auth/signout"))
    browser.jar = dead
    assert_ok(await browser.post("/auth/signout"))
    assert browser.session_cookie is None
    browser.jar.plant("belgie_session", "garbage", browser.base)
    assert_ok(await browser.post("/auth/signout"))
    assert browser.session_cookie is None


async def test_f04_sign_out_everywhere_else(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=4)
    laptop, phone, tablet = [await site.signed_in() for _ in range(3)]
    other = await site.signed_in("bob")
    assert len((await laptop.get("/auth/sessions")).json()) == 3
    assert (await laptop.delete("/auth/sessions")).json() == {"revoked": 2}
    assert_u401(await phone.me())
    assert_u401(await tablet.me())
    assert (await laptop.me()).status_code == 200
    assert (await other.me()).status_code == 200


async def test_f04_end_one_of_my_sessions(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    laptop, phone = [await site.signed_in() for _ in range(2)]
    listed = (await laptop.get("/auth/sessions")).json()
    (lost,) = [session["id"] for session in listed if not session["current"]]
    assert (await laptop.delete(f"/auth/sessions/{lost}")).status_code == 204
    assert_u401(await phone.me())
    assert (await laptop.me()).status_code == 200


async def test_f04_revoked_by_an_administrator(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=3)
    browsers = [await site.signed_in() for _ in range(3)]
    (user,) = await site.rows(User)

    async def revoke() -> int:
        async with site.runtime.session_maker() as db:
            return await site.auth.client(db).revoke_sessions(user)

    assert await site.stage.inside.run(revoke()) == 3
    for browser in browsers:
        assert_u401(await browser.me())


async def test_f05_more_rights_come_with_a_new_session(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, refreshes=True)
    browser = await site.signed_in()
    old = browser.session_cookie
    await site.change(User, scopes=["admin"])
    assert (await browser.post("/promote")).status_code == 200
    assert browser.session_cookie != old
    assert (await browser.get("/admin")).status_code == 200
    assert_u401(await browser.raw("GET", "/admin", [("cookie", f"belgie_session={old}")]))


async def test_f05_a_sensitive_route_wants_a_recent_sign_in(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    browser = await site.signed_in()
    assert (await browser.get("/recent")).status_code == 200
    site.stage.clock.advance(400)
    assert_f403(await browser.get("/recent"), "reauthentication_required")
    assert (await browser.me()).status_code == 200
    site.stage.clock.reset()
    assert_ok(await browser.sign_in())
    assert (await browser.get("/recent")).status_code == 200


async def test_f06_a_disabled_user_is_out_at_once(launch: Launch, row: Row) -> None:
    row.expects(users=2, sessions=2, token_hits=3)
    disabled: set[str] = set()
    site = await launch(is_active=lambda user: user.email not in disabled)
    browser, bystander = await site.signed_in(), await site.signed_in("bob")
    disabled.add("alice@people.example")
    answer = await browser.me()
    assert_u401(answer)
    assert answer.content == (await site.browser().me()).content
    assert (await browser.get("/maybe")).json() == {"id": None}
    assert_u401(await browser.get("/auth/session"))
    assert (await bystander.me()).status_code == 200
    again = site.browser(person("alice"))
    assert_er(await again.sign_in(), "account_disabled")
    assert again.session_cookie is None


@pytest.mark.parametrize("how", ["route", "store"])
async def test_f07_a_deleted_user_leaves_nothing(site: Site, row: Row, how: str) -> None:
    row.expects(users=1, sessions=1, token_hits=3)
    laptop, phone, bystander = await site.signed_in(), await site.signed_in(), await site.signed_in("bob")
    if how == "route":
        assert (await laptop.delete("/account")).json() == {"deleted": True}
    else:
        (alice,) = [user for user in await site.rows(User) if user.email.startswith("alice")]
        await site.sql("DELETE FROM users WHERE email = :email", email=alice.email)
    assert await site.counts() == (1, 1, 1)
    assert_u401(await laptop.me())
    assert_u401(await phone.me())
    assert (await bystander.me()).status_code == 200


async def test_f07_a_link_flow_dies_with_its_user(site: Site, row: Row) -> None:
    row.expects(users=0, token_hits=1)
    browser = await site.signed_in()
    link = await browser.post("/auth/provider/evil/link")
    url = await browser.authorize(link)
    assert (await browser.delete("/account")).json() == {"deleted": True}
    assert_e400(await browser.callback(url), "link_session_mismatch", "invalid_state")


async def test_f08_proof_of_the_address_ends_what_was_there_before(
    launch: Launch, row: Row, evil: HostileProvider
) -> None:
    """The attacker registers the victim's address without proof; the owner comes later, with proof."""
    row.expects(users=1, accounts=1, sessions=1, token_hits=1, evil_token_hits=2)
    site = await launch(linking=LinkingPolicy(trusted_providers=["op"]))
    attacker = site.browser(person("mallory", email="victim@people.example", email_verified=False))
    assert_ok(await attacker.sign_in("evil"))
    victim = await site.signed_in("victim")
    assert_u401(await attacker.me())
    assert (await victim.me()).status_code == 200
    # and the attacker's way in is gone as well, not only the session
    again = site.browser(attacker.user)
    assert_er(await again.sign_in("evil"), "account_not_linked")
    (account,) = await site.rows(Account)
    assert account.provider == "op"


async def test_f09_a_deleted_user_who_signs_in_again_is_new(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    browser = await site.signed_in()
    await site.change(User, scopes=["admin"])
    old = (await browser.me()).json()["id"]
    assert (await browser.delete("/account")).json() == {"deleted": True}
    assert_ok(await browser.sign_in())
    now = (await browser.me()).json()
    assert now["id"] != old
    assert not now["scopes"]


async def test_f10_end_somebody_elses_session(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    mallory, bob = await site.signed_in("mallory"), await site.signed_in("bob")
    (bobs,) = [session["id"] for session in (await bob.get("/auth/sessions")).json()]
    theirs = await mallory.delete(f"/auth/sessions/{bobs}")
    nobodys = await mallory.delete(f"/auth/sessions/{uuid4()}")
    assert_error_json(theirs, 404, "not_found")
    assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
    assert (await bob.me()).status_code == 200


async def test_f10_a_session_id_that_is_none(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for session_id in ["1", "' OR 1=1--", "%00", "a" * 5000, "*", "null", "é"]:
        with case(session_id):
            answer = await browser.delete(f"/auth/sessions/{session_id}")
            assert answer.status_code in {404, 422}
            assert (await browser.me()).status_code == 200
