"""Section E of the attack matrix: the session cookie, and everything that looks like one."""

import asyncio
import secrets
import uuid

import pytest
from __tests__.auth.hostile.browser import ARRIVAL, Browser, query_of, with_query
from __tests__.auth.hostile.jar import Cookie
from __tests__.auth.hostile.outcomes import assert_e400, assert_ok, assert_u401, case
from __tests__.auth.hostile.provider import person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import OTHER_SECRET, SECRET, Launch, Site
from __tests__.auth.hostile.statements import recorded
from examples.alchemy.auth_models import Session
from pydantic import ValidationError
from starlette.requests import HTTPConnection

from auth.utils.crypto import ValueSigner

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


@pytest.mark.parametrize("kind", ["garbage", "unsigned", "a-real-session"])
async def test_e01_fixation(site: Site, row: Row, kind: str) -> None:
    attacker = await site.signed_in("mallory")
    planted = {
        "garbage": "planted",
        "unsigned": uuid.uuid4().hex,
        "a-real-session": value_of(attacker),
    }[kind]
    taken = kind == "a-real-session"
    row.expects(users=2, sessions=1 if taken else 2, token_hits=2)
    victim = site.browser(person("victim"))
    victim.jar.plant("belgie_session", planted, victim.base)
    assert_ok(await victim.sign_in())
    assert value_of(victim) != planted
    assert (await victim.me()).json()["email"] == "victim@people.example"
    assert await with_session(victim, planted) == 401


async def test_e01_a_new_session_at_every_sign_in(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=2)
    browser = await site.signed_in()
    first = value_of(browser)
    assert_ok(await browser.sign_in())
    assert value_of(browser) != first
    assert await with_session(browser, first) == 401


async def test_e02_two_session_cookies(site: Site, row: Row) -> None:
    row.expects(users=2, sessions=2)
    victim, attacker = await site.signed_in("victim"), await site.signed_in("mallory")
    mine, planted = value_of(victim), value_of(attacker)
    assert await with_session(victim, mine, planted) == 401
    assert await with_session(victim, planted, mine) == 401
    assert await with_session(victim, mine, "garbage") == 401
    assert await with_session(victim, mine, "") == 401
    two_headers = [("cookie", f"belgie_session={mine}"), ("cookie", f"belgie_session={planted}")]
    assert_u401(await victim.raw("GET", "/me", two_headers))
    maybe = await victim.raw("GET", "/maybe", two_headers)
    assert maybe.json() == {"id": None}
    assert await with_session(victim, mine) == 200


async def test_e02_host_prefix_shuts_sub_domains_out(launch: Launch, https_site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=0)
    site = await launch(
        base_url="https://app.example",
        providers={"secure": https_site.stage.secure},
        http=https_site.auth.settings.http,
        cookie={"host_prefix": True},
    )
    browser = site.browser()
    assert_ok(await browser.sign_in("secure"))
    (set_cookie,) = [cookie for cookie in browser.exchanges[-1].cookies if "session" in cookie.name]
    assert set_cookie.name == "__Host-belgie_session"
    assert set_cookie.secure
    assert set_cookie.path == "/"
    assert "domain" not in set_cookie.attributes
    value = set_cookie.value
    tossed = f"belgie_session={value}; __Secure-belgie_session={value}; __host-belgie_session={value}"
    assert_u401(await browser.raw("GET", "/me", [("cookie", tossed)]))
    good = f"{tossed}; __Host-belgie_session={value}"
    assert (await browser.raw("GET", "/me", [("cookie", good)])).status_code == 200
    assert_ok(await browser.post("/auth/signout", headers={"origin": "https://app.example"}), "/")
    assert_ok(await browser.sign_in("secure"))


async def test_e02_host_prefix_needs_https(launch: Launch, site: Site) -> None:
    with pytest.raises(ValidationError, match="__Host-"):
        await launch(cookie={"host_prefix": True})
    with pytest.raises(ValidationError, match="host_prefix"):
        await launch(cookie={"host_prefix": True, "domain": "app.example"})


async def test_e03_guessed_sessions_reach_no_database(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    session_id = (await site.rows(Session))[0].id
    guesses = [str(session_id), session_id.hex, f"{session_id.hex}.", f".{session_id.hex}", f"{{{session_id}}}"]
    guesses += [str(uuid.UUID(int=0)), uuid.UUID(int=0).hex, uuid.uuid1().hex, *(f"{n:032x}" for n in range(50))]
    guesses += ["", ".", "..", "null", "undefined", "0", "[]", "{}", "a" * 8000, "%00", '"', "\\", "é"]
    guesses += [f"{session_id.hex}.{secrets.token_urlsafe(32)}" for _ in range(50)]
    guesses += [f"{uuid.uuid4().hex}.{secrets.token_urlsafe(32)}" for _ in range(50)]
    with recorded(site.runtime) as statements:
        for start in range(0, len(guesses), 50):
            batch = guesses[start : start + 50]
            statuses = await asyncio.gather(*(with_session(browser, guess) for guess in batch))
            assert set(statuses) == {401}
    assert statements.texts == []


def test_e03_ten_thousand_guesses(site: Site) -> None:
    """The same, without the network: nothing that is not signed by us is read as a session."""
    cookie = site.auth._context.session_cookie
    for _ in range(10_000):
        guess = f"belgie_session={uuid.uuid4().hex}.{secrets.token_urlsafe(32)}"
        assert cookie.read(HTTPConnection({"type": "http", "headers": [(b"cookie", guess.encode())]})) is None


async def test_e03_a_signature_over_no_session(site: Site) -> None:
    for session_id in [
        uuid.uuid4(),
        uuid.UUID(int=0),
        uuid.uuid1(),
        uuid.UUID(int=2**128 - 1),
        uuid.uuid5(uuid.NAMESPACE_DNS, "x"),
    ]:
        with case(session_id):
            assert await with_session(site.browser(), site.auth.session_cookie(session_id)) == 401


async def test_e05_signed_for_another_purpose(site: Site, row: Row) -> None:
    """A key for one purpose: the very same text, signed by us as something else, is no session."""
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    (session,) = await site.rows(Session)
    for purpose in ["flow", "identity", "csrf", "session2", "Session", ""]:
        with case(purpose):
            signed = ValueSigner(site.auth.settings.secrets, purpose).sign(session.id.hex)
            assert await with_session(browser, signed) == 401
            assert ValueSigner(site.auth.settings.secrets, "session").sign(session.id.hex) == value_of(browser)


async def test_e05_any_character_changed(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    good = value_of(browser)
    with recorded(site.runtime) as statements:
        for position, character in enumerate(good):
            for other in {"A", "B", character.swapcase()} - {character}:
                assert await with_session(browser, good[:position] + other + good[position + 1 :]) == 401
            assert await with_session(browser, good[:position]) == 401
        for more in ("A", "=", "==", ".", " x", "%20"):
            assert await with_session(browser, good + more) == 401
        assert await with_session(browser, good.upper()) == 401
    assert statements.texts == []
    assert await with_session(browser, good) == 200


@pytest.mark.parametrize(
    ("keys", "known"),
    [
        ([SECRET, OTHER_SECRET], True),
        ([OTHER_SECRET, SECRET], True),
        ([OTHER_SECRET], False),
        ([SECRET[:-1] + "X"], False),
    ],
    ids=["first", "retired-but-listed", "unlisted", "near"],
)
async def test_e05_key_ring(launch: Launch, row: Row, keys: list[str], known: bool) -> None:
    row.expects(users=1, sessions=1)
    browser = await (await launch()).signed_in()
    value = value_of(browser)
    await launch(secret=keys)
    assert (await with_session(browser, value) == 200) is known


def test_e05_a_short_secret_stops_the_start() -> None:
    from auth import AuthSettings  # noqa: PLC0415 - only here

    for short in ("", "x" * 31, [SECRET, "short"], []):
        with pytest.raises(ValidationError, match="secret"):
            AuthSettings(secret=short, base_url="https://app.example")


async def test_e06_comparison_works_on_bytes(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for value in ["é", "日本", "\x7f", "a\xff", "\u0430" * 32]:
        with case(value):
            good = value_of(browser)
            for cookie in (
                value,
                good + value,
                good.rpartition(".")[0] + "." + value,
                value + "." + good.rpartition(".")[2],
            ):
                assert await with_session(browser, cookie) == 401


async def test_e07_a_copy_of_the_database_opens_nothing(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    open_flow = site.browser(person("victim"))
    url = await open_flow.reach_callback()
    (flow_cookie,) = open_flow.flow_cookies
    cells = sorted(set(await site.dump()))
    assert len(cells) > 5
    thief = site.browser()
    for cell in cells:
        token = cell.replace("-", "") if len(cell) == 36 else cell
        for value in {cell, token, f"{token}."}:
            assert await with_session(thief, value.replace(" ", "+")) == 401
            assert_u401(await thief.raw("GET", "/me", [("authorization", f"Bearer {value}")]))
            cookie = [*ARRIVAL.items(), ("cookie", f"{flow_cookie.name}={value.replace(' ', '+')}")]
            assert_e400(await thief.raw("GET", url, cookie), "invalid_state")
            assert_e400(await thief.raw("GET", with_query(url, state=value), cookie), "invalid_state")
    secrets_in_the_browser = {value_of(browser), flow_cookie.value, query_of(url)["state"], query_of(url)["code"]}
    assert not [cell for cell in cells for secret in secrets_in_the_browser if secret in cell]


async def test_e10_garbage_credentials(site: Site) -> None:
    for headers in [
        [("authorization", "")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer  x")],
        [("authorization", "Basic !!!")],
        [("authorization", "Basic YWxpY2U6")],
        [("authorization", "x" * 10_240)],
        [("authorization", "Bearer a"), ("authorization", "Bearer b")],
        [("cookie", "")],
        [("cookie", ";;;==;; =x; belgie_session")],
        [("cookie", "belgie_session")],
        [("cookie", "belgie_session=a=b=c")],
        [("cookie", "; ".join(f"c{n}=v" for n in range(1000)))],
    ]:
        with case(headers):
            assert_u401(await site.browser().raw("GET", "/me", headers))
            assert (await site.browser().raw("GET", "/maybe", headers)).json() == {"id": None}


async def test_e10_bearer_is_no_way_in(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    value = value_of(browser)
    assert_u401(await browser.raw("GET", "/me", [("authorization", f"Bearer {value}")]))
    assert_u401(await browser.raw("GET", f"/me?belgie_session={value}&access_token={value}"))


def cookies_of(browser: Browser) -> list[Cookie]:
    return [cookie for exchange in browser.exchanges for cookie in exchange.cookies]


def check_attributes(cookie: Cookie, *, secure: bool, lifetime: int) -> None:
    assert cookie.http_only, cookie
    assert cookie.secure is secure, cookie
    assert cookie.same_site == "lax", cookie
    assert cookie.path == "/", cookie
    assert "domain" not in cookie.attributes, cookie
    if not cookie.removes:
        assert cookie.attributes["max-age"] == str(lifetime), cookie
        assert len(cookie.name) + len(cookie.value) <= 4096


def check_all(browser: Browser, *, secure: bool) -> None:
    cookies = cookies_of(browser)
    assert {cookie.name.partition("_flow")[0] for cookie in cookies} >= {"belgie_session", "belgie"}
    for cookie in cookies:
        lifetime = 30 * DAY if cookie.name == "belgie_session" else 600
        check_attributes(cookie, secure=secure, lifetime=lifetime)


async def test_e11_attributes_on_loopback(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    assert_ok(await browser.post("/auth/signout"))
    check_all(browser, secure=False)


async def test_e11_attributes_on_https(https_site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=0)
    browser = https_site.browser()
    assert_ok(await browser.sign_in("secure"))
    assert_ok(await browser.post("/auth/signout", headers={"origin": "https://app.example"}))
    check_all(browser, secure=True)


async def test_e11_no_route_reads_sets_a_cookie(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for path in ("/me", "/maybe", "/admin", "/session", "/auth/session", "/auth/sessions", "/auth/accounts"):
        await browser.get(path)
        assert not browser.exchanges[-1].cookies, path


async def test_e12_sign_out_takes_the_cookie_back(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    given = next(cookie for cookie in browser.exchanges[-1].cookies if cookie.name == "belgie_session")
    assert_ok(await browser.post("/auth/signout"))
    (taken,) = browser.exchanges[-1].cookies
    assert taken.removes
    assert (taken.name, taken.value.strip('"')) == (given.name, "")
    ours = {name: value for name, value in given.attributes.items() if name not in {"max-age", "expires"}}
    theirs = {name: value for name, value in taken.attributes.items() if name not in {"max-age", "expires"}}
    assert ours == theirs
    assert len(browser.jar) == 0


async def test_e13_signed_values_are_good_for_one_purpose(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    flow = site.browser()
    url = await flow.reach_callback()
    (flow_cookie,) = flow.flow_cookies
    assert await with_session(browser, flow_cookie.value) == 401
    session = value_of(browser)
    headers = [*ARRIVAL.items(), ("cookie", f"{flow_cookie.name}={session}")]
    assert_e400(await browser.raw("GET", url, headers), "invalid_state")
    session_id = session.rpartition(".")[0]
    flow_signature = flow_cookie.value.rpartition(".")[2]
    assert await with_session(browser, f"{session_id}.{flow_signature}") == 401
