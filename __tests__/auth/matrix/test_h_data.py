"""Section H of the attack matrix: rights, and what goes into the store."""

import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_f403, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from __tests__.auth.hostile.statements import recorded
from examples.alchemy.auth_models import Account, Session, User

FORBIDDEN = [
    "id",
    "created_at",
    "updated_at",
    "__class__",
    "__dict__",
    "__tablename__",
    "_sa_instance_state",
    "metadata",
    "registry",
    "accounts",
    "sessions",
    "hashed_password",
    "is_superuser",
    "no_such_field",
    "email ",
    "EMAIL",
    "users.email",
]


async def test_h01_mass_assignment(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    (user,) = await site.rows(User)
    (session,) = await site.rows(Session)

    async def attempt(field: str) -> list[str]:
        adapter = site.adapter
        async with site.runtime.session_maker() as db:
            with recorded(site.runtime) as statements:
                with pytest.raises(TypeError):
                    await adapter.update_user(db, user.id, **{field: user.id})
                with pytest.raises(TypeError):
                    await adapter.update_session(db, session.id, **{field: user.id})
                with pytest.raises(TypeError):
                    await adapter.update_account(db, user.id, "op", **{field: user.id})
                with pytest.raises(TypeError):
                    await adapter.create_account(db, user.id, "other", "sub", **{field: user.id})
                return statements.texts

    for field in FORBIDDEN:
        with case(field):
            assert await site.stage.inside.run(attempt(field)) == []


async def test_h01_the_owner_of_a_row_is_fixed(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    (user,) = await site.rows(User)
    (session,) = await site.rows(Session)

    async def attempt(field: str) -> None:
        async with site.runtime.session_maker() as db:
            with pytest.raises(TypeError):
                await site.adapter.update_session(db, session.id, **{field: uuid.uuid4()})
            with pytest.raises(TypeError):
                await site.adapter.update_account(db, user.id, "op", **{field: "x"})

    for field in ("user_id", "provider", "provider_account_id"):
        with case(field):
            await site.stage.inside.run(attempt(field))


FOREIGN_FIELDS = ["user_id", "id", "session_id", "session", "provider", "scopes", "email", "is_admin"]


async def test_h02_the_owner_comes_from_the_session(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    bob, alice = await site.signed_in("bob"), await site.signed_in("alice")
    bobs = {"id": (await bob.me()).json()["id"], "session": (await bob.get("/auth/sessions")).json()[0]["id"]}
    values = [bobs["id"], bobs["session"], "admin", "op", "bob@people.example", "true"]
    query = "&".join(f"{field}={quote(value)}" for field in FOREIGN_FIELDS for value in values)
    body = dict.fromkeys(FOREIGN_FIELDS, values[0])
    for path in ("/me", "/session", "/auth/session", "/auth/sessions", "/auth/accounts", "/maybe"):
        plain = await alice.get(path)
        with_query = await alice.get(f"{path}?{query}")
        with_body = await alice.request("GET", path, json=body)
        assert with_query.status_code in {200, 422}, path
        assert with_body.status_code in {200, 422}, path
        for answer in (with_query, with_body):
            assert answer.status_code == 422 or answer.json() == plain.json(), path
    assert_f403(await alice.get(f"/admin?{query}"), "insufficient_scope")
    assert (await alice.me()).status_code == 200
    assert (await bob.me()).status_code == 200


async def test_h02_state_changing_routes_take_no_owner(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=1, token_hits=2)
    bob, alice = await site.signed_in("bob"), await site.signed_in("alice")
    bob_id = (await bob.me()).json()["id"]
    bobs_session = (await bob.get("/auth/sessions")).json()[0]["id"]
    body = {"user_id": bob_id, "session_id": bobs_session, "id": bob_id}
    query = f"user_id={bob_id}&session_id={bobs_session}"
    assert (
        await alice.request("DELETE", f"/auth/sessions?{query}", json=body, headers={"origin": alice.origin})
    ).json() == {"revoked": 0}
    assert (await bob.me()).status_code == 200
    assert_ok(await alice.post(f"/auth/signout?{query}", json=body))
    assert (await bob.me()).status_code == 200


HOSTILE = ["' OR 1=1--", "%", "_", "\\", "'; DROP TABLE users;--", "$1", ":id", "?", '"', "a\\'b"]


async def test_h03_text_is_data(site: Site, row: Row) -> None:
    row.expects(users=1 + len(HOSTILE), sessions=1 + len(HOSTILE))
    await site.signed_in("victim")
    with recorded(site.runtime) as statements:
        for number, text in enumerate(HOSTILE):
            with case(text):
                await _uses_everywhere(site, text, f"mallory{number}")
    assert not [one for one in statements.texts if " LIKE " in one.upper() or "victi" in one or "mallory" in one]
    for text in HOSTILE:
        if len(text) > 2:
            assert not [one for one in statements.texts if text in one], text
    accounts = {account.provider_account_id for account in await site.rows(Account)}
    assert accounts == {"victim", *(f"victi{text}" for text in HOSTILE)}


async def _uses_everywhere(site: Site, text: str, name: str) -> None:
    browser = await site.signed_in(name, sub=f"victi{text}", name=f"M {text}")
    quoted = quote(text, safe="")
    await browser.get(f"/auth/provider/{quoted}/signin")
    await browser.get(f"/auth/provider/op/callback?state={quoted}&code=c")
    await browser.delete(f"/auth/sessions/{quoted}")
    await browser.delete(f"/auth/accounts/{quoted}")
    await browser.raw("GET", "/me", [("cookie", f"belgie_session={quoted}"), ("user-agent", text)])
    assert (await browser.me()).json()["email"] == f"{name}@people.example"


async def test_h03_an_address_is_data(site: Site, row: Row) -> None:
    local_parts = ["axb", "o'brien", "a%b", "a_b", "a|b", "{a}", "a$b", "`a`", "a?b", "a=b", "a--b"]
    row.expects(users=len(local_parts), sessions=len(local_parts))
    for local in local_parts:
        with case(local):
            await site.signed_in(f"sub of {local}", email=f"{local}@people.example")
    assert {user.email for user in await site.rows(User)} == {f"{local}@people.example" for local in local_parts}


async def test_h05_scopes_are_exact_words(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for scopes, admin, read in [
        (None, False, False),
        ([], False, False),
        ([""], False, False),
        (["admin"], True, False),
        (["Admin"], False, False),
        (["ADMIN"], False, False),
        (["admin "], False, False),
        ([" admin"], False, False),
        (["admi"], False, False),
        (["admins"], False, False),
        (["admin:all"], False, False),
        (["admin read"], False, False),
        (["admin,read"], False, False),
        (["*"], False, False),
        (["adm", "in"], False, False),
        (["a", "d", "m", "i", "n"], False, False),
        (["read:all"], False, False),
        (["read", "admin"], True, True),
        (["\u0430dmin"], False, False),
    ]:
        with case((scopes, admin, read)):
            await site.change(User, scopes=scopes)
            for path, allowed in (("/admin", admin), ("/read", read)):
                answer = await browser.get(path)
                if allowed:
                    assert answer.status_code == 200
                else:
                    assert_f403(answer, "insufficient_scope")


async def test_h05_the_start_takes_no_scope(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser()
    start = await browser.start(scope="openid admin", scopes="admin", prompt="none", response_type="token")
    assert_ok(await browser.callback(await browser.authorize(start)))
    (asked,) = op.requests("authorize")
    assert set(asked.query["scope"].split()) == {"openid", "email", "profile"}
    assert asked.query["response_type"] == "code"
    assert "prompt" not in asked.query
    assert_f403(await browser.get("/admin"), "insufficient_scope")


@pytest.mark.parametrize("scope", ["admin", "openid admin", ["admin"], "ADMIN read"])
async def test_h05_the_providers_scopes_are_not_ours(site: Site, row: Row, op: HostileProvider, scope: object) -> None:
    if isinstance(scope, list):
        row.expects(token_hits=1)
        op.knobs.token_members = {"scope": scope}
        assert_er(await site.browser().sign_in(), "invalid_token_response")
        return
    row.expects(users=1, sessions=1)
    op.knobs.token_members = {"scope": scope}
    browser = await site.signed_in()
    assert_f403(await browser.get("/admin"), "insufficient_scope")
    assert not (await browser.me()).json()["scopes"]
    (account,) = await site.rows(Account)
    assert account.scope == scope


async def test_h06_a_right_that_was_taken_away_is_gone(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    await site.change(User, scopes=["admin"])
    assert (await browser.get("/admin")).status_code == 200
    await site.change(User, scopes=["read"])
    assert_f403(await browser.get("/admin"), "insufficient_scope")
    assert (await browser.get("/read")).status_code == 200


PICTURES = [
    "javascript:alert(1)",
    "JAVASCRIPT:alert(1)",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "http://people.example/a.png",
    "//people.example/a.png",
    "/a.png",
    "https://user:password@people.example/a.png",
    "https://people.example/\r\nX: y",
    f"https://people.example/{'a' * 3000}",
    7,
    ["https://people.example/a.png"],
    None,
    "",
]


async def test_h07_only_https_pictures_are_kept(site: Site, row: Row) -> None:
    row.expects(users=len(PICTURES), sessions=len(PICTURES))
    for number, picture in enumerate(PICTURES):
        with case(picture):
            await site.signed_in(f"p{number}", picture=picture)
    assert {user.image for user in await site.rows(User)} == {None}


async def test_h07_a_good_picture_is_kept(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    assert [user.image for user in await site.rows(User)] == ["https://people.example/alice.png"]


NAMES: list[tuple[object, str | None]] = [
    ("A" * 10_000, "A" * 255),
    ("Al\x00ice", "Alice"),
    ("Al\r\nice", "Al ice"),
    ("\x1b[31mAlice", "[31mAlice"),
    ("Al\u202eice", "Alice"),
    ("Al\ud800ice", "Alice"),
    ("", None),
    (7, None),
    (["Alice"], None),
    (MISSING, None),
]


async def test_h07_names_are_cut_and_cleaned(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=len(NAMES), sessions=len(NAMES))
    for number, (name, stored) in enumerate(NAMES):
        op.knobs.claims = {"name": name}
        with case(name):
            browser = await site.signed_in(f"p{number}")
            assert (await browser.me()).json()["name"] == stored


async def test_h07_ten_thousand_groups(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    op.knobs.claims = {"groups": [f"group-{number}" for number in range(10_000)]}
    assert_er(await site.browser().sign_in(), "invalid_id_token")  # more than 64 KiB is no id_token


async def test_h07_a_few_groups_are_ignored(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in(groups=["admin"] * 100, roles=["admin"], permissions="admin")
    assert_f403(await browser.get("/admin"), "insufficient_scope")


@pytest.mark.parametrize("tokens", ["discard", "encrypt"])
async def test_h08_what_is_not_asked_for_is_not_kept(launch: Launch, row: Row, tokens: str) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_tokens=tokens)
    claims: dict[str, Any] = {"ssn": "canary-claim-078-05-1120", "address": {"street": "canary-claim-street"}}
    browser = await site.signed_in(**claims)
    answers = [await browser.get(path) for path in ("/me", "/auth/session", "/auth/sessions", "/auth/accounts")]
    assert "canary-claim" not in json.dumps(await site.dump())
    for answer in answers:
        assert answer.status_code == 200
        assert "canary-claim" not in answer.text
        assert "people.example/alice.png" not in answer.text or "image" in answer.text
