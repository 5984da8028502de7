"""Section H of the attack matrix: rights, and what goes into the store."""

import json
import uuid
from typing import Any
from urllib.parse import quote

import pytest
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_f403, assert_ok
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from __tests__.auth.hostile.statements import recorded
from examples.alchemy.auth_models import Account, Session, User

INJECTION = "' OR 1=1--"


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


@pytest.mark.parametrize("field", FORBIDDEN)
async def test_h01_mass_assignment(site: Site, row: Row, field: str) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    (user,) = await site.rows(User)
    (session,) = await site.rows(Session)

    async def attempt() -> list[str]:
        async with site.runtime.session_maker() as db:
            with recorded(site.runtime) as statements:
                with pytest.raises(TypeError):
                    await site.adapter.update_user(db, user.id, **{field: user.id})
                with pytest.raises(TypeError):
                    await site.adapter.update_session(db, session.id, **{field: user.id})
                with pytest.raises(TypeError):
                    await site.adapter.update_account(db, user.id, "op", **{field: user.id})
                with pytest.raises(TypeError):
                    await site.adapter.create_account(db, user.id, "other", "sub", **{field: user.id})
                return statements.texts

    assert await site.stage.inside.run(attempt()) == []


@pytest.mark.parametrize("field", ["user_id", "provider", "provider_account_id"])
async def test_h01_the_owner_of_a_row_is_fixed(site: Site, row: Row, field: str) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    (user,) = await site.rows(User)
    (session,) = await site.rows(Session)

    async def attempt() -> None:
        async with site.runtime.session_maker() as db:
            with pytest.raises(TypeError):
                await site.adapter.update_session(db, session.id, **{field: uuid.uuid4()})
            with pytest.raises(TypeError):
                await site.adapter.update_account(db, user.id, "op", **{field: "x"})

    await site.stage.inside.run(attempt())


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


@pytest.mark.parametrize(
    "hostile", [INJECTION, "%", "_", "\\", "'; DROP TABLE users;--", "$1", ":id", "?", '"', "a\\'b"]
)
async def test_h03_text_is_data(site: Site, row: Row, hostile: str) -> None:
    row.expects(users=2, sessions=2)
    await site.signed_in("victim")
    with recorded(site.runtime) as statements:
        browser = await site.signed_in("mallory", sub=f"victi{hostile}", name=f"M {hostile}")
        await browser.get(f"/auth/provider/{quote(hostile, safe='')}/signin")
        await browser.get(f"/auth/provider/op/callback?state={quote(hostile, safe='')}&code=c")
        await browser.delete(f"/auth/sessions/{quote(hostile, safe='')}")
        await browser.delete(f"/auth/accounts/{quote(hostile, safe='')}")
        await browser.raw("GET", "/me", [("cookie", f"belgie_session={quote(hostile)}"), ("user-agent", hostile)])
    marker = hostile if len(hostile) > 2 else f"victi{hostile}"
    assert not [text for text in statements.texts if marker in text]
    assert not [text for text in statements.texts if " LIKE " in text.upper()]
    assert (await browser.me()).json()["email"] == "mallory@people.example"
    accounts = {account.provider_account_id for account in await site.rows(Account)}
    assert accounts == {"victim", f"victi{hostile}"}


@pytest.mark.parametrize("local", ["o'brien", "a%b", "a_b", "a|b", "{a}", "a$b", "`a`", "a?b", "a=b", "a--b"])
async def test_h03_an_address_is_data(site: Site, row: Row, local: str) -> None:
    row.expects(users=2, sessions=2)
    await site.signed_in("axb")
    await site.signed_in("other", email=f"{local}@people.example")
    assert {user.email for user in await site.rows(User)} == {"axb@people.example", f"{local}@people.example"}


@pytest.mark.parametrize(
    ("scopes", "admin", "read"),
    [
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
    ],
    ids=str,
)
async def test_h05_scopes_are_exact_words(
    *, site: Site, row: Row, scopes: list[str] | None, admin: bool, read: bool
) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
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
    'https://people.example/"onerror="alert(1)',
    "https://people.example/\r\nX: y",
    f"https://people.example/{'a' * 3000}",
    7,
    ["https://people.example/a.png"],
    None,
    "",
]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: str(picture)[:40])
async def test_h07_only_https_pictures_are_kept(site: Site, row: Row, picture: object) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in(picture=picture)
    (user,) = await site.rows(User)
    if picture == 'https://people.example/"onerror="alert(1)':
        assert user.image in {None, picture}  # printable, https: whoever writes HTML escapes it
    else:
        assert user.image is None


async def test_h07_a_good_picture_is_kept(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    await site.signed_in()
    assert [user.image for user in await site.rows(User)] == ["https://people.example/alice.png"]


@pytest.mark.parametrize(
    ("name", "stored"),
    [
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
    ],
    ids=["long", "nul", "line", "ansi", "bidi", "surrogate", "empty", "number", "list", "missing"],
)
async def test_h07_names_are_cut_and_cleaned(
    *, site: Site, row: Row, op: HostileProvider, name: object, stored: str | None
) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.claims = {"name": name}
    assert_ok(await site.browser().sign_in())
    assert [user.name for user in await site.rows(User)] == [stored]


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
