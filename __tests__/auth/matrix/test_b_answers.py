"""Section B of the attack matrix: token and userinfo answers."""

from collections.abc import Callable

from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.knobs import MISSING, Answer
from __tests__.auth.hostile.outcomes import assert_er, assert_f403, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import User

type Turn = Callable[[HostileProvider], None]


BAD_USERINFO: dict[str, Turn] = {
    "another-sub": lambda op: setattr(op.knobs, "userinfo_members", {"sub": "mallory"}),
    "sub-in-other-case": lambda op: setattr(op.knobs, "userinfo_members", {"sub": "ALICE"}),
    "no-sub": lambda op: setattr(op.knobs, "userinfo_members", {"sub": MISSING}),
    "sub-in-a-list": lambda op: setattr(op.knobs, "userinfo_members", {"sub": ["alice"]}),
    "victims-address": lambda op: setattr(
        op.knobs, "userinfo_members", {"sub": "mallory", "email": "victim@people.example"}
    ),
    "signed": lambda op: setattr(
        op.knobs, "answers", {"userinfo": Answer(200, b"e30.e30.e30", {"content-type": "application/jwt"})}
    ),
    "html": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b"<html>alice</html>")}),
    "list": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b'[{"sub": "alice"}]')}),
    "empty": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(200, b"")}),
    "204": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(204)}),
    "401": lambda op: setattr(op.knobs, "answers", {"userinfo": Answer(401, b'{"sub": "alice"}')}),
}


async def test_b20_bad_userinfo(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(token_hits=len(BAD_USERINFO))
    for name, turn in BAD_USERINFO.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
            op.knobs.claims = {"email": MISSING, "email_verified": MISSING}
            turn(op)
            assert_er(await browser.sign_in(), "invalid_userinfo")


async def test_b20_honest_userinfo_completes_the_token(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"email": MISSING, "email_verified": MISSING}
    assert_ok(await browser.sign_in())
    assert (await browser.me()).json()["email"] == "alice@people.example"


async def test_b20_userinfo_does_not_vouch_for_the_tokens_address(
    browser: Browser, row: Row, op: HostileProvider, launch: Launch
) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_options={"userinfo": "always"})
    op.knobs.claims = {"email_verified": False}
    op.knobs.userinfo_members = {"email": "other@people.example", "email_verified": True}
    assert_ok(await site.browser().sign_in())
    (user,) = await site.rows(User)
    assert (user.email, user.email_verified) == ("alice@people.example", False)


BAD_TOKEN_ANSWERS: dict[str, dict[str, object]] = {
    "no-id-token": {"id_token": MISSING},
    "id-token-null": {"id_token": None},
    "id-token-empty": {"id_token": ""},
    "id-token-not-ascii": {"id_token": "é.é.é"},
    "id-token-list": {"id_token": ["a.b.c"]},
    "token-type-mac": {"token_type": "mac"},
    "token-type-number": {"token_type": 1},
    "no-access-token": {"access_token": MISSING},
    "access-token-empty": {"access_token": ""},
    "access-token-number": {"access_token": 7},
    "access-token-null": {"access_token": None},
    "refresh-token-object": {"refresh_token": {}},
}


async def test_b22_incomplete_token_answer(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(token_hits=len(BAD_TOKEN_ANSWERS))
    for name, members in BAD_TOKEN_ANSWERS.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
            op.knobs.token_members = members
            assert_er(await browser.sign_in(), "invalid_token_response")


async def test_b22_strange_token_lifetime(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(users=1, sessions=9)
    for expires_in in ["soon", -1, 0, 1e308, 10**30, True, None, [], MISSING]:
        op.turn_honest()
        browser = site.browser()
        with case(expires_in):
            op.knobs.token_members = {"expires_in": expires_in}
            assert_ok(await browser.sign_in())


async def test_b23_granted_scope_gives_no_right(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(users=1, sessions=4)
    for scope in ["openid admin read", "", "openid", MISSING]:
        op.turn_honest()
        browser = site.browser()
        with case(scope):
            op.knobs.token_members = {"scope": scope}
            op.knobs.claims = {"scope": "admin", "scopes": ["admin"], "roles": ["admin"]}
            assert_ok(await browser.sign_in())
            assert_f403(await browser.get("/admin"), "insufficient_scope")
            assert not (await browser.me()).json()["scopes"]
