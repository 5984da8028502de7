"""Section K of the attack matrix, the part about requests from other sites."""

import pytest
from __tests__.auth.hostile.browser import SCRIPT
from __tests__.auth.hostile.outcomes import assert_f403, assert_ok, case
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site

UNSAFE = [
    ("POST", "/auth/signout"),
    ("POST", "/auth/provider/evil/link"),
    ("DELETE", "/auth/sessions"),
    ("DELETE", "/auth/sessions/00000000-0000-4000-8000-000000000000"),
    ("DELETE", "/auth/accounts/op"),
    ("POST", "/transfer"),
]
BODIES = [
    ("application/x-www-form-urlencoded", b"a=1"),
    ("text/plain", b'{"a": 1}'),
    ("multipart/form-data; boundary=b", b"--b--\r\n"),
    ("application/json", b"{}"),
]
CROSS = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "empty"}


def test_k01_no_unsafe_route_is_missing_from_these_rows(site: Site) -> None:
    """Every route of ours that changes something is in the list, so that none is added without the check."""
    ours = {
        (method.upper(), path)
        for path, operations in site.app.openapi()["paths"].items()
        for method in operations
        if path.startswith("/auth/") and method.upper() not in {"GET", "HEAD"}
    }
    assert ours == {
        ("POST", "/auth/signout"),
        ("POST", "/auth/provider/{provider}/link"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", "/auth/sessions/{session_id}"),
        ("DELETE", "/auth/accounts/{provider}"),
    }


async def test_k01_another_site_posts(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for method, path in UNSAFE:
        for content_type, body in BODIES:
            with case((method, path, content_type, body)):
                for headers in ({"origin": "https://evil.example", **CROSS}, {"origin": "https://evil.example"}, CROSS):
                    sent = {**headers, "content-type": content_type}
                    assert_f403(await browser.request(method, path, headers=sent, content=body))
                assert (await browser.me()).status_code == 200
                assert await site.states() == 0


def twins(site: Site) -> list[str]:
    port = site.stage.port
    return [
        "null",
        "",
        "https://evil.example",
        f"https://127.0.0.1:{port}",
        "http://127.0.0.1",
        f"http://127.0.0.1:{port + 1}",
        f"http://localhost:{port}",
        f"http://127.0.0.1.evil.example:{port}",
        f"http://evil.example?http://127.0.0.1:{port}",
        f"http://127.0.0.1:{port}@evil.example",
        f"http://127.0.0.1:{port}.evil.example",
        f"http://user@127.0.0.1:{port}",
        f"HTTP://127.0.0.1:{port}".replace("HTTP", "ftp"),
        f"http://127.0.0.1:0{port}",
        f"http://127.0.0.1:{port}, https://evil.example",
        "file://",
        "chrome-extension://abc",
        "*",
        "http://[::1]",
    ]


async def test_k02_foreign_origins(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    cookie = ("cookie", browser.jar.header(browser.base))
    for method, path in UNSAFE:
        with case((method, path)):
            for origin in twins(site):
                assert_f403(await browser.raw(method, path, [cookie, ("origin", origin)]))
                same_site = [cookie, ("origin", origin), ("sec-fetch-site", "same-origin")]
                assert_f403(
                    await browser.raw(method, path, same_site)
                )  # a header that an old proxy may copy proves nothing
            two = [cookie, ("origin", browser.origin), ("origin", "https://evil.example")]
            assert_f403(await browser.raw(method, path, two))
            assert (await browser.me()).status_code == 200


async def test_k02_only_a_foreign_referer(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    cookie = ("cookie", browser.jar.header(browser.base))
    for method, path in UNSAFE:
        for referer in ["https://evil.example/page", "null", "about:blank", "http://127.0.0.1.evil.example/"]:
            with case((method, path, referer)):
                assert_f403(await browser.raw(method, path, [cookie, ("referer", referer)]))
                assert (await browser.me()).status_code == 200


async def test_k03_sibling_sub_domain(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    cookie = ("cookie", browser.jar.header(browser.base))
    for method, path in UNSAFE:
        for site_header in ["same-site", "cross-site", "", "SAME-ORIGIN", "same-origin, cross-site", "unknown"]:
            with case((method, path, site_header)):
                assert_f403(await browser.raw(method, path, [cookie, ("sec-fetch-site", site_header)]))
                sibling = [cookie, ("sec-fetch-site", "same-site"), ("origin", "https://sibling.app.example")]
                assert_f403(await browser.raw(method, path, sibling))
                assert (await browser.me()).status_code == 200


async def test_k03_a_trusted_sibling(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    site = await launch(trusted_origins=("https://sibling.app.example",))
    browser = await site.signed_in()
    headers = {"sec-fetch-site": "same-site", "origin": "https://sibling.app.example"}
    assert (await browser.request("POST", "/transfer", headers=headers)).json() == {"done": True}
    assert_f403(await browser.request("POST", "/transfer", headers={**headers, "origin": "https://app.example"}))
    assert_ok(await browser.request("POST", "/auth/signout", headers=headers))


@pytest.mark.parametrize("strict", [False, True], ids=["default", "strict"])
async def test_k04_no_browser(launch: Launch, row: Row, strict: bool) -> None:
    row.expects(users=1, sessions=1 if strict else 0, token_hits=1)
    site = await launch(csrf_strict=strict)
    browser = await site.signed_in()
    transfer = await browser.request("POST", "/transfer")
    signout = await browser.request("POST", "/auth/signout")
    if strict:
        assert_f403(transfer)
        assert_f403(signout)
        assert (await browser.post("/transfer")).json() == {"done": True}
    else:
        assert transfer.json() == {"done": True}
        assert_ok(signout)


@pytest.mark.parametrize("site_header", ["same-origin", "none"])
async def test_k04_the_applications_own_pages(site: Site, row: Row, site_header: str) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = await site.signed_in()
    headers = {**SCRIPT, "sec-fetch-site": site_header}
    assert (await browser.request("POST", "/transfer", headers=headers)).json() == {"done": True}
    assert (await browser.post("/transfer")).json() == {"done": True}
    assert_ok(await browser.request("POST", "/auth/signout", headers=headers))


async def test_k05_the_check_does_not_depend_on_a_cookie(site: Site) -> None:
    for method, path in UNSAFE:
        with case((method, path)):
            browser = site.browser()
            assert_f403(await browser.request(method, path, headers={"origin": "https://evil.example"}))
            assert_f403(await browser.request(method, path, headers=CROSS))


OVERRIDES: list[dict[str, str]] = [
    {"x-http-method-override": "POST"},
    {"x-http-method": "POST"},
    {"x-method-override": "DELETE"},
]


async def test_k06_methods_cannot_be_overridden(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for headers in OVERRIDES:
        with case(headers):
            assert (await browser.get("/auth/signout?_method=POST", headers=headers)).status_code == 405
            answer = await browser.get("/auth/sessions?_method=DELETE", headers=headers)
            assert len(answer.json()) == 1
            assert (await browser.get("/auth/provider/evil/link?_method=POST", headers=headers)).status_code == 405
            form = {"_method": "DELETE"}
            posted = await browser.post("/auth/sessions", data=form, headers={**headers, "origin": browser.origin})
            assert posted.status_code == 405
            assert (await browser.me()).status_code == 200


async def test_k06_other_methods_change_nothing(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for method in ["HEAD", "OPTIONS", "TRACE"]:
        for path in [
            "/auth/signout",
            "/auth/sessions",
            "/auth/provider/op/signin",
            "/auth/provider/op/callback",
            "/auth/accounts/op",
        ]:
            with case((method, path)):
                answer = await browser.request(method, path, headers={"origin": "https://evil.example"})
                assert answer.status_code in {200, 400, 404, 405}
                assert not browser.exchanges[-1].cookies
                assert await site.states() == 0
                assert (await browser.me()).status_code == 200


async def test_k07_no_cross_origin_reading(launch: Launch, row: Row) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(trusted_origins=("https://sibling.app.example",))
    browser = await site.signed_in()
    for origin in ["https://evil.example", "null", "https://sibling.app.example"]:
        with case(origin):
            preflight = {
                "origin": origin,
                "access-control-request-method": "DELETE",
                "access-control-request-headers": "content-type",
            }
            for path in ("/me", "/auth/session", "/auth/sessions", "/auth/accounts"):
                for answer in (
                    await browser.get(path, headers={"origin": origin}),
                    await browser.request("OPTIONS", path, headers=preflight),
                ):
                    assert not [name for name in answer.headers if name.startswith("access-control-")], path
