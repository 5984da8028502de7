"""Section J of the attack matrix: what gets out, in text, logs, headers and pages."""

import io
import logging
import pickle
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from __tests__.auth.hostile.browser import SCRIPT, Browser, query_of
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_error_json, assert_ok, assert_u401
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.records import Records
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Site
from auth import OIDCProviderSettings
from examples.alchemy.auth_models import Account, OAuthState, Session, User

type Launch = Callable[..., Awaitable[Site]]

XSS = "<script>alert('canary-xss')</script>"


async def signed_in(site: Site, name: str = "alice", /, **claims: object) -> Browser:
    browser = site.browser(person(name, **claims))
    assert_ok(await browser.sign_in())
    return browser


def views(value: Any) -> list[str]:
    """Every way in which an object becomes text."""
    texts = [
        repr(value),
        str(value),
        f"{value}",
        repr([value]),
        repr(vars(value)) if hasattr(value, "__dict__") else "",
    ]
    if hasattr(value, "model_dump"):
        texts += [str(value.model_dump()), value.model_dump_json(), str(dict(value))]
    return texts


def test_j01_settings_show_no_secret(op: HostileProvider, site: Site) -> None:
    provider = OIDCProviderSettings(issuer=op.issuer, client_id=op.client_id, client_secret=op.client_secret)
    for value in (site.auth.settings, provider, site.auth, site.runtime.settings, site.adapter):
        for text in views(value):
            assert SECRET not in text
            assert op.client_secret not in text
    for registered in site.auth.providers.values():
        for text in views(registered) + views(registered.provider):
            assert op.client_secret not in text


async def test_j01_rows_show_no_token_and_no_address(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_tokens="encrypt")
    browser = await signed_in(site)
    await browser.start()
    rows = [one for model in (User, Account, Session, OAuthState) for one in await site.rows(model)]
    for one in rows:
        for text in (repr(one), str(one)):
            assert "people.example" not in text
            for name in ("access_token", "refresh_token", "id_token", "code_verifier", "state"):
                value = getattr(one, name, None)
                assert not value or value not in text


async def test_j01_errors_of_settings_show_no_secret() -> None:
    from pydantic import ValidationError  # noqa: PLC0415 - only here

    from auth import AuthSettings  # noqa: PLC0415 - only here

    with pytest.raises(ValidationError) as caught:
        AuthSettings(secret="canary-short-secret", base_url="nonsense")
    assert "canary-short-secret" not in str(caught.value)
    assert "canary-short-secret" not in repr(caught.value)
    with pytest.raises(ValidationError) as caught:
        OIDCProviderSettings(issuer="nonsense", client_secret="canary-client-secret")
    assert "canary-client-secret" not in str(caught.value)


def test_j01_a_pickle_of_the_settings_is_the_owners_affair_but_a_log_of_it_is_not(site: Site) -> None:
    copied = pickle.loads(pickle.dumps(site.auth.settings))
    assert SECRET not in repr(copied)
    assert copied.secrets == site.auth.settings.secrets


async def test_j02_nothing_secret_is_logged_when_everything_goes_wrong(
    launch: Launch, row: Row, op: HostileProvider, records: Records
) -> None:
    """The shared invariants look for secrets in every record; this row makes many records of many kinds."""
    row.expects(users=1, sessions=1, token_hits=6)
    site = await launch(provider_tokens="encrypt")
    browser = await signed_in(site)
    for claims in ({"iss": "x"}, {"nonce": "x"}, {"exp": 1}, {"sub": None}, {"email": "not an address"}):
        op.knobs.claims = claims
        answer = await site.browser(person("mallory")).sign_in()
        assert answer.status_code == 303
    await browser.get("/me?token=canary")
    assert {line.logger.partition(".")[0] for line in records.lines} >= {"auth", "httpx", "httpcore", "sqlalchemy"}
    ours = records.of("auth")
    assert len([line for line in ours if line.extras.get("event") == "refused"]) == 5
    for line in ours:
        assert "people.example" not in line.everything, line


@pytest.mark.parametrize("error", [XSS, "access_denied"])
async def test_j02_one_record_for_each_event(
    *, site: Site, row: Row, op: HostileProvider, records: Records, error: str
) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await signed_in(site)
    assert_ok(await browser.post("/auth/signout"))
    op.knobs.callback_params = {"code": MISSING, "error": error}
    assert await site.browser(person("bob")).sign_in()
    events = [line.extras.get("event") for line in records.of("auth")]
    for name in ("signup", "signin", "signout", "refused"):
        assert events.count(name) == 1, (name, events)


async def test_j03_the_description_shows_no_secret(site: Site, op: HostileProvider) -> None:
    answer = await site.browser().get("/openapi.json")
    assert answer.status_code == 200
    for canary in (SECRET, op.client_secret, op.client_id, op.issuer, "people.example"):
        assert canary not in answer.text
    schemes = answer.json()["components"]["securitySchemes"]
    assert {"type": "apiKey", "in": "cookie", "name": "belgie_session"}.items() <= next(iter(schemes.values())).items()
    assert answer.json()["paths"]["/me"]["get"]["security"]
    for path in answer.json()["paths"].values():
        for operation in path.values():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert not {"db", "request", "client", "user", "args", "kwargs"} & set(names)
    docs = await site.browser().get("/docs")
    assert SECRET not in docs.text


PAYLOADS = [XSS, '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{7*7}}", "</title><script>", "%3Cscript%3E"]


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_j04_nothing_is_reflected(site: Site, payload: str) -> None:
    browser = site.browser()
    await browser.start()
    paths = [
        f"/auth/provider/{httpx_quote(payload)}/signin",
        f"/auth/provider/op/signin?redirect_url={httpx_quote(payload)}",
        f"/auth/provider/op/callback?state={httpx_quote(payload)}&code={httpx_quote(payload)}",
        f"/auth/provider/op/callback?error={httpx_quote(payload)}&error_description={httpx_quote(payload)}",
        f"/auth/sessions/{httpx_quote(payload)}",
    ]
    for path in paths:
        answer = await browser.get(path)
        assert payload not in answer.text, path
        assert payload not in str(answer.headers), path
        assert answer.headers["content-type"] == "application/json"
        if answer.json()["detail"] not in {"Not Found", "Method Not Allowed"}:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]


def httpx_quote(text: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only here

    return quote(text, safe="")


HOSTILE_TEXTS = [
    "a\r\nfake: record",
    "a\nb",
    "\x1b[31mred\x1b[0m",
    "a\u2028b",
    "a\u0085b",
    "a\x00b",
    "x" * 5000,
    "%s %d {0}",
]


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=["crlf", "lf", "ansi", "u2028", "nel", "nul", "long", "format"])
async def test_j05_log_injection(site: Site, op: HostileProvider, records: Records, text: str) -> None:
    op.knobs.callback_params = {"code": MISSING, "error": text, "error_description": text}
    browser = site.browser()
    url = await browser.reach_callback()
    agent = text.encode("ascii", "ignore").replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")[:3000].strip()
    answer = await browser.client.get(
        browser.at(url),
        headers=[(b"user-agent", agent), (b"cookie", browser.jar.header(browser.at(url)).encode())],
    )
    assert_er(answer, "provider_error")
    ours = records.of("auth")
    assert ours
    for line in ours:
        for shown in (line.text, *(str(value) for value in line.extras.values())):
            assert shown.isprintable(), (shown, line)
            assert len(shown) < 400


@pytest.mark.parametrize("name", ["a\r\nb", "\x1b[31m", "\u2028", "x" * 5000])
async def test_j05_names_and_agents_are_harmless_when_stored(site: Site, row: Row, name: str) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser(person("alice", name=name))
    url = await browser.reach_callback()
    agent = f"agent {'x' * 3000}".encode() + b"\xff\x1b[31m"
    cookie = browser.jar.header(browser.at(url)).encode()
    raw = await browser.client.get(browser.at(url), headers=[(b"user-agent", agent), (b"cookie", cookie)])
    assert_ok(raw)
    (session,) = await site.rows(Session)
    assert session.user_agent is not None
    assert session.user_agent.isprintable()
    assert len(session.user_agent) <= 512


async def test_j06_code_and_state_leave_no_trace_in_the_browser(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser()
    url = await browser.reach_callback()
    answer = await browser.callback(url)
    assert_ok(answer)
    assert answer.headers["referrer-policy"] == "no-referrer"
    for secret in query_of(url).values():
        assert secret not in answer.headers["location"]
        assert secret not in answer.text
    assert answer.text == ""


async def test_j06_every_answer_of_ours_has_its_headers(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await signed_in(site)
    await browser.get("/auth/session")
    await browser.get("/auth/sessions")
    await browser.get("/auth/accounts")
    await browser.delete("/auth/sessions")
    await browser.delete("/auth/accounts/op")
    await browser.delete("/auth/sessions/nonsense")
    await browser.post("/auth/provider/evil/link")
    await browser.post("/auth/provider/unknown/link")
    await browser.post("/auth/signout")
    await browser.get("/auth/session")
    for exchange in browser.exchanges:
        if exchange.path.startswith("/auth"):
            headers = exchange.response.headers
            seen = (exchange.method, exchange.path, exchange.response.status_code)
            assert headers.get("cache-control") == "no-store", seen
            assert headers.get("referrer-policy") == "no-referrer", seen
            assert headers.get("x-content-type-options") == "nosniff", seen
            assert "frame-ancestors 'none'" in headers.get("content-security-policy", ""), seen


async def test_j06_every_answer_of_ours_redirects_by_303(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await signed_in(site)
    assert (await browser.start("evil")).status_code in {302, 303}
    assert (await browser.post("/auth/provider/evil/link")).status_code == 303
    assert (await browser.post("/auth/signout")).status_code == 303


@pytest.mark.parametrize("mode", ["discard", "encrypt"])
async def test_j09_provider_tokens_at_rest(launch: Launch, row: Row, op: HostileProvider, mode: str) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_tokens=mode)
    await signed_in(site)
    cells = await site.dump()
    for secret in op.issued:
        assert not [cell for cell in cells if secret in cell]
    (account,) = await site.rows(Account)
    stored = (account.access_token, account.refresh_token, account.id_token)
    if mode == "discard":
        assert stored == (None, None, None)
    else:
        assert all(stored)
        assert len(set(stored)) == 3


async def test_j09_a_token_moved_to_another_row_cannot_be_read(launch: Launch, row: Row) -> None:
    row.expects(users=2, sessions=2)
    site = await launch(provider_tokens="encrypt")
    await signed_in(site, "alice")
    await signed_in(site, "bob")
    first, second = await site.rows(Account)
    assert first.access_token != second.access_token


BOMBS: dict[str, tuple[bytes, str]] = {
    "json": (b"[" * 1_000_000, "application/json"),
    "json-wide": (b'{"a":' + b"1" * 5_000_000 + b"}", "application/json"),
    "form": (b"a=1&" * 500_000, "application/x-www-form-urlencoded"),
    "multipart": (
        b"".join(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(20_000)) + b"--b--\r\n",
        "multipart/form-data; boundary=b",
    ),
    "not-what-it-says": (b"\xff" * 100_000, "application/json"),
    "unknown": (b"x" * 100_000, "application/x-unknown"),
}


@pytest.mark.parametrize("kind", BOMBS)
async def test_j10_bodies_nobody_asked_for(site: Site, row: Row, kind: str) -> None:
    row.expects(users=1, sessions=1)
    browser = await signed_in(site)
    body, content_type = BOMBS[kind]
    headers = {**SCRIPT, "origin": browser.origin, "content-type": content_type}
    for method, path in (
        ("POST", "/auth/provider/evil/link"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/accounts/op"),
        ("POST", "/auth/provider/op/callback"),
    ):
        started = time.monotonic()
        answer = await browser.request(method, path, headers=headers, content=body)
        assert answer.status_code < 500
        assert time.monotonic() - started < 2, (method, path)
    assert (await browser.me()).status_code == 200


@pytest.mark.parametrize("status_code", [400, 403, 409, 502, 503])
async def test_j11_without_an_error_page_the_answer_is_json(
    *, launch: Launch, row: Row, op: HostileProvider, status_code: int
) -> None:
    """ER where the application has set no `urls.error_redirect`: a status that fits, and the code."""
    site = await launch(urls={"error_redirect": None})
    browser = site.browser(person("bob"))
    row.expects(token_hits=1, server_errors=[502, 503])
    if status_code == 400:
        row.expects(token_hits=0)
        op.knobs.callback_params = {"code": MISSING, "error": "access_denied"}
        code = "access_denied"
    elif status_code == 403:
        site = await launch(urls={"error_redirect": None}, is_active=lambda user: user.name != "Bob")
        row.expects(users=1, sessions=1, token_hits=2)
        await signed_in(site, "bob", name="Robert")
        await site.change(User, name="Bob")
        browser, code = site.browser(person("bob")), "account_disabled"
    elif status_code == 409:
        row.expects(users=1, sessions=1, token_hits=2)
        await signed_in(site, "alice")
        browser, code = site.browser(person("bob", email="alice@people.example")), "account_not_linked"
    elif status_code == 502:
        op.knobs.claims = {"aud": "somebody-else"}
        code = "invalid_id_token"
    else:
        op.knobs.metadata = {"token_endpoint": "http://127.0.0.1:1/"}
        row.expects(token_hits=0, server_errors=[503])
        code = "provider_unavailable"
    answer = await browser.sign_in()
    assert_error_json(answer, status_code, code)
    assert "location" not in answer.headers


async def test_j12_a_broken_session_is_refused_alike(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await signed_in(site)
    value = browser.session_cookie
    assert_ok(await browser.post("/auth/signout"))
    logging.getLogger("auth")
    bodies = set()
    for cookie in (None, "", "garbage", value, f"{value}x"):
        headers = [] if cookie is None else [("cookie", f"belgie_session={cookie}")]
        answer = await browser.raw("GET", "/me", headers)
        assert_u401(answer)
        bodies.add((answer.status_code, answer.content, answer.headers.get("www-authenticate")))
    assert len(bodies) == 1
    assert isinstance(io.StringIO(), io.TextIOBase)
