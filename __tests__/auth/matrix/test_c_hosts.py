"""Section C of the attack matrix: which hosts are talked to, and which names are believed."""

import socket
from pathlib import Path
from typing import Any

import pytest
from __tests__.auth.hostile import raw
from __tests__.auth.hostile.browser import ARRIVAL, NAVIGATION, Browser, query_of
from __tests__.auth.hostile.knobs import MISSING
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, assert_u401, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Launch, Site, Stage
from __tests__.auth.hostile.tls import Authority
from examples.alchemy.auth_models import Session
from pydantic import ValidationError

from auth import AuthSettings, ConfigurationError, HTTPSettings, OIDCProviderSettings

#: With the ten seconds of the default these rows would be slow; that the deadline is total does not depend on it.
IMPATIENT = HTTPSettings(timeout=0.6)


async def test_c07_discovery_of_another_issuer(op: HostileProvider, evil: HostileProvider, site: Site) -> None:
    for kind in ["other", "slash", "missing", "null", "list", "upper", "localhost"]:
        browser = site.browser()
        with case(kind):
            issuers: dict[str, object] = {
                "other": evil.issuer,
                "slash": f"{op.issuer}/",
                "missing": MISSING,
                "null": None,
                "list": [op.issuer],
                "upper": op.issuer.upper(),
                "localhost": op.issuer.replace("127.0.0.1", "localhost"),
            }
            op.knobs.metadata = {"issuer": issuers[kind]}
            assert_er(await browser.start(), "provider_misconfigured")
            assert set(op.hits) == {"discovery"}


INSIDE = [
    "http://169.254.169.254/latest/meta-data",
    "https://169.254.169.254/latest/meta-data",
    "https://10.0.0.1/x",
    "https://192.168.0.1/x",
    "https://172.16.0.1/x",
    "https://100.64.0.1/x",
    "https://0.0.0.0/x",
    "https://[fd00::1]/x",
    "https://[fe80::1]/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://[::ffff:169.254.169.254]/x",
    "https://0xa000001/x",
    "https://10.1/x",
    "https://167772161/x",
    "https://224.0.0.1/x",
    "http://op.example/x",
    "file:///etc/passwd",
    "gopher://127.0.0.1:70/x",
    "ftp://127.0.0.1/x",
    "//127.0.0.1/x",
    "/x",
    "javascript:alert(1)",
    "https://user:password@op.example/x",
    "https://op.example\\@evil.example/x",
    "https://op.example /x",
    "https://op.example\r\nX: y/x",
    "",
    "https://",
    7,
    None,
    ["https://op.example/x"],
]


@pytest.mark.parametrize("member", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
async def test_c07_endpoint_inside_the_network(launch: Launch, row: Row, op: HostileProvider, member: str) -> None:
    site = await launch(http=IMPATIENT)
    op.knobs.claims = {"email": MISSING}
    exchanges = 0
    for url in INSIDE:
        site.stage.clock.forget()
        op.knobs.metadata = {member: url}
        browser = site.browser()
        with case(url):
            answer = await browser.start()
            if answer.headers["location"].startswith(op.issuer):  # refused only where the address is used
                answer = await browser.callback(await browser.authorize(answer))
                exchanges += member != "token_endpoint"
            assert_er(answer, "provider_misconfigured", "provider_unavailable")
            assert op.hits["elsewhere"] == 0
    row.expects(token_hits=exchanges)


async def test_c07_authorization_endpoint_that_is_no_https_address(op: HostileProvider, site: Site) -> None:
    for url in [
        "http://169.254.169.254/authorize",
        "http://op.example/authorize",
        "javascript:alert(document.domain)",
        "data:text/html,x",
        "//evil.example/authorize",
        "/authorize",
        "https://user@evil.example/",
        "",
        None,
        7,
    ]:
        browser = site.browser()
        with case(url):
            op.knobs.metadata = {"authorization_endpoint": url}
            assert_er(await browser.start(), "provider_misconfigured")


async def test_c07_authorization_endpoint_with_parameters_of_its_own(
    browser: Browser, row: Row, op: HostileProvider
) -> None:
    row.expects(users=1, sessions=1)
    op.knobs.metadata = {"authorization_endpoint": f"{op.issuer}/authorize?tenant=a"}
    assert_ok(await browser.sign_in())
    (asked,) = op.requests("authorize")
    assert asked.query["tenant"] == "a"


@pytest.mark.parametrize(
    "issuer",
    [
        "http://op.example",
        "http://localhost:80@evil.example",
        "http://127.0.0.1@evil.example",
        "https://x#@y.example",
        "https://x?@y.example",
        "https://user:password@op.example",
        "https://op.example/?tenant=1",
        "https://op.example/#f",
        "https://OP.example",
        "https://op.example.",
        "https://op.example:99999",
        "https://op.example:0443",
        "https://op.example:",
        "https://op example",
        "https:/op.example",
        "https:op.example",
        "op.example",
        "ftp://op.example",
        "file:///etc/passwd",
        "",
        "https://",
        "http://127.0.0.1.evil.example",
        "http://2130706433",
        "http://0x7f000001",
    ],
)
def test_c08_issuer_that_means_two_things(stage: Stage, issuer: str) -> None:
    """Refused when the settings are made, or when `Auth` puts the provider together; in both cases before a request."""
    from __tests__.auth.hostile.site import build  # noqa: PLC0415 - only this test builds without mounting

    from belgie.alchemy import DatabaseSettings  # noqa: PLC0415

    database = DatabaseSettings(type="sqlite", database=":memory:")
    with pytest.raises((ValidationError, ConfigurationError)):
        build(
            stage,
            database,
            providers={"op": OIDCProviderSettings(issuer=issuer, client_id="c", client_secret="s")},
        )


@pytest.mark.parametrize(
    "issuer",
    ["https://10.0.0.1", "https://[::ffff:127.0.0.1]", "https://[fd00::1]", "https://0x7f000001", "https://127.1"],
)
async def test_c08_issuer_inside_the_network(launch: Launch, issuer: str) -> None:
    inside = OIDCProviderSettings(issuer=issuer, client_id="c", client_secret="s")
    site = await launch(base_url="https://app.example", http=IMPATIENT, providers={"inside": inside})
    assert_er(await site.browser().start("inside"), "provider_unavailable")
    await launch()


async def test_c08_a_loopback_issuer_needs_a_loopback_application(launch: Launch, site: Site) -> None:
    with pytest.raises(ConfigurationError):
        await launch(base_url="https://app.example")
    assert (await site.browser().start()).headers["location"].startswith(site.stage.op.issuer)


def _served(stage: Stage, certificate: tuple[str, str], host: str = "127.0.0.1") -> HostileProvider:
    provider = HostileProvider("tls", stage.clock)
    provider.serve(stage.outside, certificate=certificate, host=host)
    return provider


@pytest.mark.parametrize("kind", ["self-signed", "expired", "wrong-name"])
async def test_c09_certificate_that_proves_nothing(
    *, launch: Launch, row: Row, op: HostileProvider, stage: Stage, ca_folder: Path, kind: str
) -> None:
    authority = Authority.new(ca_folder)
    name = "127.0.0.2" if kind == "wrong-name" else "127.0.0.1"
    certificate = authority.certify(kind, name=name, expired=kind == "expired")
    provider = _served(stage, certificate)
    http = HTTPSettings() if kind == "self-signed" else HTTPSettings(ca_file=authority.file)
    site = await launch(http=http, providers={"tls": provider, "op": op})
    assert_er(await site.browser().start("tls"), "provider_unavailable")
    assert not provider.seen


async def test_c09_certificate_of_a_trusted_authority(https_site: Site, row: Row) -> None:
    row.expects(users=1, sessions=1, token_hits=0)
    assert_ok(await https_site.browser().sign_in("secure"))
    assert https_site.stage.secure.token_hits == 1


FORGED: list[list[tuple[str, str]]] = [
    [("host", "evil.example")],
    [("host", "evil.example:443")],
    [("x-forwarded-host", "evil.example")],
    [("x-forwarded-proto", "https")],
    [("x-forwarded-port", "8443")],
    [("x-forwarded-prefix", "/evil")],
    [("forwarded", "host=evil.example;proto=https;for=10.0.0.1")],
    [("x-original-url", "/evil"), ("x-rewrite-url", "/evil")],
    [("x-forwarded-for", "10.0.0.1"), ("x-real-ip", "10.0.0.1")],
    [("host", "evil.example"), ("x-forwarded-host", "evil.example"), ("x-forwarded-proto", "https")],
]


def _without_randomness(location: str) -> tuple[str, dict[str, Any]]:
    random = {"state", "nonce", "code_challenge"}
    query = {name: value for name, value in query_of(location).items() if name not in random}
    return location.partition("?")[0], query


async def test_c10_forged_host(site: Site, row: Row) -> None:
    row.expects(users=1, sessions=len(FORGED))
    for headers in FORGED:
        browser = site.browser()
        with case(headers):
            await _signs_in_as_ever(browser, headers)


async def _signs_in_as_ever(browser: Browser, headers: list[tuple[str, str]]) -> None:
    honest = await browser.start()
    forged = await browser.raw("GET", "/auth/provider/op/signin", [*NAVIGATION.items(), *headers])
    assert _without_randomness(forged.headers["location"]) == _without_randomness(honest.headers["location"])
    attributes = [exchange.cookies[0].attributes for exchange in browser.exchanges[-2:]]
    assert attributes[0] == attributes[1]
    url = await browser.authorize(honest)
    cookie = ("cookie", browser.jar.header(browser.at(url)))
    assert_ok(await browser.raw("GET", url, [*NAVIGATION.items(), cookie, *headers]))
    session = next(cookie for cookie in browser.exchanges[-1].cookies if cookie.name == "belgie_session")
    assert "domain" not in session.attributes
    signed_in = await browser.raw("GET", "/me", [("cookie", f"belgie_session={session.value}"), *headers])
    assert signed_in.status_code == 200
    assert_u401(await browser.raw("GET", "/me", headers))


async def test_c10_forged_host_is_no_origin(browser: Browser, row: Row) -> None:
    row.expects(users=1, sessions=1)
    await browser.sign_in()
    headers = [
        ("host", "evil.example"),
        ("origin", "http://evil.example"),
        ("cookie", browser.jar.header(browser.base)),
    ]
    answer = await browser.raw("POST", "/auth/signout", headers)
    assert (answer.status_code, answer.json()) == (403, {"detail": "csrf"})
    assert (await browser.me()).status_code == 200


@pytest.mark.parametrize("base_url", [None, "", "app.example", "http://app.example", "https://app.example?x", "//app"])
def test_c12_base_url_is_needed_and_must_be_https(monkeypatch: pytest.MonkeyPatch, base_url: str | None) -> None:
    monkeypatch.delenv("BELGIE_BASE_URL", raising=False)
    given: dict[str, Any] = {} if base_url is None else {"base_url": base_url}
    with pytest.raises(ValidationError, match=r"base_url|BASE_URL"):
        AuthSettings(secret=SECRET, **given)


@pytest.mark.parametrize(
    "answers",
    [["127.0.0.1"], ["10.0.0.1"], ["93.184.215.14", "127.0.0.1"], ["169.254.169.254"], ["::ffff:127.0.0.1"], []],
    ids="+".join,
)
async def test_c08_a_name_that_leads_inside(
    *, launch: Launch, row: Row, monkeypatch: pytest.MonkeyPatch, answers: list[str]
) -> None:
    """The name server is the attacker's; what it says is checked before anything connects, every time."""
    honest = socket.getaddrinfo
    inside = raw.RawServer(raw.silence)
    inside.serve(row.stage.outside)

    def lying(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        if host not in {"rebind.example", b"rebind.example"}:
            return honest(host, port, *arguments, **options)
        if not answers:
            raise socket.gaierror
        kinds = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(kinds[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in answers]

    monkeypatch.setattr(socket, "getaddrinfo", lying)
    issuer = f"https://rebind.example:{inside.port}"
    provider = OIDCProviderSettings(issuer=issuer, client_id="c", client_secret="s")
    site = await launch(base_url="https://app.example", http=IMPATIENT, providers={"rebind": provider})
    assert_er(await site.browser().start("rebind"), "provider_unavailable")
    assert inside.connections == 0
    await launch()


@pytest.mark.parametrize(
    ("proxies", "forwarded", "stored"),
    [
        (0, "10.9.8.7", "127.0.0.1"),
        (1, "10.9.8.7", "10.9.8.7"),
        (1, "6.6.6.6, 10.9.8.7", "10.9.8.7"),
        (2, "6.6.6.6, 10.9.8.7, 10.0.0.1", "10.9.8.7"),
        (2, "10.9.8.7", None),
        (1, "<script>", None),
        (1, "' OR 1=1--", None),
        (1, "", None),
    ],
)
async def test_c10_forged_address(
    *, launch: Launch, row: Row, proxies: int, forwarded: str, stored: str | None
) -> None:
    row.expects(users=1, sessions=1)
    site = await launch(trusted_proxies=proxies)
    browser = site.browser()
    url = await browser.reach_callback()
    headers = {**ARRIVAL, "x-forwarded-for": forwarded, "x-real-ip": "6.6.6.6", "forwarded": "for=6.6.6.6"}
    assert_ok(await browser.callback(url, headers=headers))
    assert [session.ip_address for session in await site.rows(Session)] == [stored]
