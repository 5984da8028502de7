"""Section J of the attack matrix: what browsers are shown, and what rests in the store."""

import time

import pytest
from __tests__.auth.hostile.browser import SCRIPT, query_of
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_error_json, assert_ok, assert_u401, case
from __tests__.auth.hostile.provider import HostileProvider, person
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from examples.alchemy.auth_models import Account, User

from auth import OAuthError

XSS = "<script>alert('canary-xss')</script>"


PAYLOADS = [XSS, '"><img src=x onerror=alert(1)>', "javascript:alert(1)", "{{7*7}}", "</title><script>", "%3Cscript%3E"]


async def test_j04_nothing_is_reflected(site: Site) -> None:
    for payload in PAYLOADS:
        with case(payload):
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
    browser = await site.signed_in()
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
    browser = await site.signed_in()
    assert (await browser.start("evil")).status_code in {302, 303}
    assert (await browser.post("/auth/provider/evil/link")).status_code == 303
    assert (await browser.post("/auth/signout")).status_code == 303


@pytest.mark.parametrize("mode", ["discard", "encrypt"])
async def test_j09_provider_tokens_at_rest(launch: Launch, row: Row, op: HostileProvider, mode: str) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(provider_tokens=mode)
    await site.signed_in()
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
    """Whoever can write into the store cannot make the application use one user's token for another."""
    row.expects(users=2, sessions=2, token_hits=3)  # the third is an attempt to renew
    site = await launch(provider_tokens="encrypt")
    await site.signed_in("alice")
    await site.signed_in("bob")
    people = {user.email.partition("@")[0]: user for user in await site.rows(User)}
    sealed = {account.provider_account_id: account.access_token for account in await site.rows(Account)}

    async def token_of(name: str) -> str:
        async with site.runtime.session_maker() as db:
            return await site.auth.client(db).access_token(people[name], "op")

    assert await site.stage.inside.run(token_of("alice")) in site.stage.op.issued
    await site.sql(
        "UPDATE accounts SET access_token = :sealed WHERE provider_account_id = 'bob'", sealed=sealed["alice"]
    )
    with pytest.raises(OAuthError) as caught:
        await site.stage.inside.run(token_of("bob"))
    assert caught.value.code == "provider_token_expired"
    assert await site.stage.inside.run(token_of("alice")) in site.stage.op.issued


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


async def test_j10_bodies_nobody_asked_for(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for kind, (body, content_type) in BOMBS.items():
        with case(kind):
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
async def test_j00_without_an_error_page_the_answer_is_json(
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
        await site.signed_in("bob", name="Robert")
        await site.change(User, name="Bob")
        browser, code = site.browser(person("bob")), "account_disabled"
    elif status_code == 409:
        row.expects(users=1, sessions=1, token_hits=2)
        await site.signed_in("alice")
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


async def test_j00_a_broken_session_is_refused_alike(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    value = browser.session_cookie
    assert_ok(await browser.post("/auth/signout"))
    bodies = set()
    for cookie in (None, "", "garbage", value, f"{value}x"):
        headers = [] if cookie is None else [("cookie", f"belgie_session={cookie}")]
        answer = await browser.raw("GET", "/me", headers)
        assert_u401(answer)
        bodies.add((answer.status_code, answer.content, answer.headers.get("www-authenticate")))
    assert len(bodies) == 1
