"""Section D of the attack matrix: every place where somebody may say where the browser goes next."""

from urllib.parse import quote

import pytest
from __tests__.auth.hostile.browser import NAVIGATION, Browser
from __tests__.auth.hostile.outcomes import assert_e400, assert_f403, assert_ok, assert_u401, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import Launch, Site
from pydantic import ValidationError

D01 = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "////evil.example",
]
D01 += ["/path//evil.example", "//evil.example/..", "/./evil", "/a/../b", "/..", "/.", "//127.0.0.1", "\\evil.example"]
D02 = ["https:evil.example", "https:/evil.example", "https:///evil.example", "http:evil.example", "https:", "https://"]
D02 += [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " javascript:alert(1)",
    "java\tscript:alert(1)",
    "data:text/html,x",
]
D02 += ["vbscript:msgbox(1)", "blob:https://evil.example/x", "file:///etc/passwd", "mailto:a@b", "HTTPS://evil.example"]
D02 += [" https://evil.example", "evil.example", "evil", "", ".", "?next=/", "#", "about:blank", "view-source:/"]
D03 = ["/%2f%2fevil.example", "/%2F/evil.example", "/%5cevil.example", "/%252f%252fevil.example", "/%255cevil.example"]
D03 += ["/%0d%0aSet-Cookie:x=1", "/%0aLocation:x", "/%00", "/%250d%250aX:y", "/%2500", "/a/%2e%2e/b", "/a/%252e%252e/b"]
D03 += ["/%2e%2e%2fevil", "/%09/evil.example", "/%C2%85x", "/%e2%80%a8%00", "/%7f"]
D04 = [
    "/\t/evil.example",
    "\n//evil.example",
    "/\r/evil.example",
    "/ok\r\nSet-Cookie: x=1",
    "/\x00",
    "/a b",
    " /ok",
    "/ok ",
]
D04 += ["/ok\x7f", "/ok\x0b", "/ok\u2028", "/ök", "/\uff0fevil.example", "/\u3000", "\ufeff/ok", "/ok\x85"]
D05 = ["https://app.example@evil.example", "https://app.example:443@evil.example", "https://app.example\\@evil.example"]
D05 += ["https://app.example;@evil.example", "https://evil.example\\.app.example", "http://127.0.0.1@evil.example/"]
D05 += ["https://app.example%40evil.example", "https://:@app.example/", "https://app.example%2eevil.example"]
D06 = ["https://app.example.evil.example", "https://evil.example?app.example", "https://evil.example#app.example"]
D06 += [
    "https://evilapp.example",
    "https://app.example.",
    "https://app.example./",
    "https://app-example",
    "https://app.exampl",
]
D06 += ["https://app.example.evil", "https://sub.app.example", "https://evil.example/app.example", "https://*.example"]
D06 += ["https://evil.example/https://app.example", "https://127.0.0.1.evil.example", "https://xn--app-.example"]
D08 = ["https://app.example:8443/", "https://app.example:99999/", "https://app.example:0443/", "https://app.example:/"]
D08 += [
    "https://app.example:443:443/",
    "https://app.example:-1/",
    "https://app.example:4_43/",
    "https://app.example:80/",
]
D09 = ["http://app.example/", "http://app.example:443/", "ws://app.example/", "ftp://app.example/"]
D11 = [f"/{'a' * 3000}", f"https://app.example/{'a' * 3000}"]

EVERY = [*D01, *D02, *D03, *D04, *D05, *D06, *D08, *D09, *D11]


@pytest.fixture
async def site(launch: Launch) -> Site:
    """An application that also trusts https://app.example, so that there is something to come close to."""
    return await launch(trusted_origins=("https://app.example",))


async def refuses_start(site: Site, browser: Browser, query: str) -> None:
    answer = await browser.raw("GET", f"/auth/provider/op/signin?{query}", list(NAVIGATION.items()))
    assert_e400(answer, "invalid_redirect")
    assert not browser.exchanges[-1].cookies
    assert await site.states() == 0


async def _start_family(site: Site, payloads: list[str]) -> None:
    browser = site.browser()
    for payload in payloads:
        await refuses_start(site, browser, f"redirect_url={quote(payload, safe='')}")


async def test_d01_slashes_and_backslashes(site: Site) -> None:
    await _start_family(site, D01)


async def test_d02_schemes(site: Site) -> None:
    await _start_family(site, D02)


async def test_d03_encoded_once_and_twice(site: Site) -> None:
    await _start_family(site, D03)


async def test_d04_control_characters_and_blanks(site: Site) -> None:
    await _start_family(site, D04)


async def test_d05_user_information(site: Site) -> None:
    await _start_family(site, D05)


async def test_d06_twins_of_a_trusted_host(site: Site) -> None:
    await _start_family(site, D06)


async def test_d08_ports(site: Site) -> None:
    await _start_family(site, D08)


async def test_d08_the_default_port_is_no_port(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    target = "https://app.example:443/ok"
    assert_ok(await site.browser().sign_in(redirect_url=target), target)


async def test_d09_plain_http_of_an_https_origin(site: Site) -> None:
    await _start_family(site, D09)


async def test_d11_long_doubled_and_structured(site: Site) -> None:
    await _start_family(site, D11)
    browser = site.browser()
    await refuses_start(site, browser, "redirect_url=/a&redirect_url=/b")
    await refuses_start(site, browser, "redirect_url=/a&redirect_url=//evil.example")
    await refuses_start(site, browser, "redirect_url=%ff%fe")
    await refuses_start(site, browser, "redirect_url=/%ff%00")
    for query in ("redirect_url[]=//evil.example", "redirect_url.x=//evil.example", "next=//evil.example"):
        answer = await browser.raw("GET", f"/auth/provider/op/signin?{query}", list(NAVIGATION.items()))
        assert answer.status_code in {302, 303, 400, 422}
        assert "evil.example" not in answer.headers.get("location", "")


GOOD = ["/", "/ok", "/ok?a=b&c=d", "/ok#part", "/a/b/c", "/a.b", "/..a/b", "/ok?next=https://evil.example"]
GOOD += ["/%C3%A9", "/a%20b", "https://app.example", "https://app.example/", "https://app.example/ok?x=/../y#z"]


async def test_d00_good_targets_are_kept_to_the_letter(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=len(GOOD) + 1)
    browser = site.browser()
    for target in GOOD:
        assert_ok(await browser.sign_in(redirect_url=target), target)
    own = f"{site.stage.base_url}/ok"
    assert_ok(await browser.sign_in(redirect_url=own), own)


OWN_ROUTES = [
    "/auth/signout",
    "/auth/provider/op/signin",
    "/auth/provider/op/callback",
    "/auth/provider/op/callback?code=a&state=b",
    "/auth",
    "/auth/",
    "/AUTH/signout",
    "/auth;x/signout",
    "/%61uth/signout",
    "/%2561uth/signout",
    "/auth?x",
]


async def test_d12_back_into_the_sign_in_routes(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=len(OWN_ROUTES) + 1)
    browser = site.browser()
    for target in [*OWN_ROUTES, f"{site.stage.base_url}/auth/signout"]:
        assert_ok(await browser.sign_in(redirect_url=target), "/")


async def test_d12_a_path_that_only_begins_alike(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    assert_ok(await site.browser().sign_in(redirect_url="/authors"), "/authors")


async def test_d00_the_stored_target_is_checked_again(launch: Launch, site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser()
    url = await browser.reach_callback(redirect_url="https://app.example/ok")
    await launch(trusted_origins=())
    assert_ok(await browser.callback(url), "/")


async def test_d00_a_target_changed_in_the_store(site: Site, row: Row) -> None:
    from examples.alchemy.auth_models import OAuthState  # noqa: PLC0415 - only here

    row.expects(users=1, sessions=1, token_hits=4)
    browser = site.browser()
    for planted in ("//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil.example"):
        url = await browser.reach_callback(redirect_url="/ok")
        await site.change(OAuthState, redirect_url=planted)
        assert_ok(await browser.callback(url), "/")


async def test_d14_the_callback_takes_no_target(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = site.browser()
    url = await browser.reach_callback(redirect_url="/ok")
    assert_ok(await browser.callback(f"{url}&redirect_url=//evil.example&return_to=//evil.example&next=//e"), "/ok")


async def test_d14_the_error_path_takes_no_target(site: Site, op: HostileProvider) -> None:
    from __tests__.auth.hostile.knobs import MISSING  # noqa: PLC0415 - only here
    from __tests__.auth.hostile.outcomes import assert_er  # noqa: PLC0415 - only here

    op.knobs.callback_params = {"code": MISSING, "error": "access_denied", "error_redirect": "//evil.example"}
    browser = site.browser()
    url = await browser.reach_callback(redirect_url="/ok")
    assert_er(await browser.callback(f"{url}&redirect_url=//evil.example"), "access_denied")


async def test_d14_the_provider_names_the_target(site: Site, row: Row, op: HostileProvider) -> None:
    row.expects(users=1, sessions=1, token_hits=len(EVERY[::3]))
    browser = site.browser()
    for payload in EVERY[::3]:
        op.knobs.claims = {"redirect_url": payload, "target_link_uri": payload}
        op.knobs.token_members = {"redirect_url": payload}
        op.knobs.callback_params = {"redirect_url": payload}
        assert_ok(await browser.sign_in(), "/")


async def test_d14_sign_out_goes_to_no_foreign_target(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=0, token_hits=1)
    browser = site.browser()
    await browser.sign_in()
    answer = await browser.post("/auth/signout?redirect_url=//evil.example&next=//evil.example", data={"next": "//e"})
    assert answer.status_code in {200, 204, 303, 400}
    assert "evil" not in answer.headers.get("location", "")
    if answer.status_code == 400:
        assert_ok(await browser.post("/auth/signout"), "/")


async def test_d14_linking_goes_to_no_foreign_target(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    for payload in EVERY:
        with case(payload):
            answer = await browser.post(f"/auth/provider/evil/link?redirect_url={quote(payload, safe='')}")
            assert_e400(answer, "invalid_redirect")
            assert await site.states() == 0


async def test_d14_settings_name_no_foreign_target(launch: Launch, site: Site) -> None:
    for name in ["signin_redirect", "signup_redirect", "signout_redirect", "error_redirect"]:
        for target in ["//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil", "evil"]:
            with case((name, target)), pytest.raises(ValidationError, match=name):
                await launch(urls={name: target})


VARIANTS = [
    "//auth/signout",
    "/auth//signout",
    "/auth/signout/",
    "/auth/signout;x",
    "/AUTH/signout",
    "/auth/Signout",
    "/auth/./signout",
    "/x/../auth/signout",
    "/auth/signout%00",
    "/auth%2fsignout",
    "/auth/signout%20",
    "/auth\\signout",
]


async def test_d15_other_spellings_of_a_guarded_route(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1)
    browser = await site.signed_in()
    cookie = ("cookie", browser.jar.header(browser.base))
    for path in VARIANTS:
        with case(path):
            answer = await browser.raw("POST", path, [cookie, ("origin", "https://evil.example")])
            if answer.status_code not in {404, 307}:
                assert_f403(answer)
            assert (await browser.me()).status_code == 200


async def test_d15_other_spellings_of_a_protected_route(site: Site) -> None:
    for path in ["//me", "/me/", "/ME", "/me;x", "/me%00", "/%2fme", "/./me", "/x/../me"]:
        with case(path):
            answer = await site.browser().raw("GET", path)
            if answer.status_code not in {404, 307}:
                assert_u401(answer)
