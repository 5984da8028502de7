"""Section C of the attack matrix: the provider as a network peer, forged requests, and names of hosts."""

import asyncio
import time
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from __tests__.auth.hostile import raw
from __tests__.auth.hostile.browser import NAVIGATION, Browser, query_of
from __tests__.auth.hostile.knobs import MISSING, Answer
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, assert_u401
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import SECRET, Site, Stage
from __tests__.auth.hostile.tls import Authority
from __tests__.auth.hostile.waiting import until
from auth import AuthSettings, ConfigurationError, HTTPSettings, OIDCProviderSettings

type Launch = Callable[..., Awaitable[Site]]

IMPATIENT = HTTPSettings(timeout=0.6)
"""The default's ten seconds would make these rows slow; that the deadline is a total one does not depend on it."""


def test_c01_the_default_deadline_is_ten_seconds() -> None:
    assert HTTPSettings().timeout == 10


@pytest.fixture
def hole() -> Iterator[str]:
    with raw.black_hole() as url:
        yield url


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "behaviour",
    [raw.silence, raw.head_and_silence, raw.one_byte_a_second],
    ids=["silence", "head-only", "one-byte-a-second"],
)
async def test_c01_c02_a_provider_that_stalls(
    *, launch: Launch, row: Row, op: HostileProvider, behaviour: raw.Behaviour, endpoint: str
) -> None:
    site = await launch(http=IMPATIENT)
    server = raw.RawServer(behaviour)
    op.knobs.metadata = {endpoint: server.serve(site.stage.outside)}
    op.knobs.claims = {"email": MISSING}
    row.expects(token_hits=0 if endpoint == "token_endpoint" else 1)
    browser = site.browser()
    url = await browser.reach_callback()
    started = time.monotonic()
    pending = asyncio.create_task(browser.callback(url))
    await until(lambda: server.connections)
    assert await site.checked_out(patience=0) == 0, "a connection waits for the provider"
    assert_er(await pending, "provider_unavailable")
    assert 0.5 < time.monotonic() - started < 3
    assert server.connections == 1


async def test_c01_a_port_that_swallows_connections(launch: Launch, row: Row, op: HostileProvider, hole: str) -> None:
    site = await launch(http=IMPATIENT)
    op.knobs.metadata = {"token_endpoint": hole}
    started = time.monotonic()
    assert_er(await site.browser().sign_in(), "provider_unavailable")
    assert time.monotonic() - started < 4


async def test_c01_a_closed_port(site: Site, row: Row, op: HostileProvider) -> None:
    op.knobs.metadata = {"token_endpoint": "http://127.0.0.1:1/token"}
    assert_er(await site.browser().sign_in(), "provider_unavailable")


async def test_c01_a_stalled_start(launch: Launch, row: Row, op: HostileProvider) -> None:
    site = await launch(http=IMPATIENT)
    op.knobs.delays = {"discovery": 5}
    browser = site.browser()
    started = time.monotonic()
    assert_er(await browser.start(), "provider_unavailable")
    assert time.monotonic() - started < 3
    assert await site.states() == 0
    assert len(browser.jar) == 0


async def test_c01_sessions_are_checked_while_the_provider_hangs(launch: Launch, row: Row, op: HostileProvider) -> None:
    site = await launch(http=HTTPSettings(timeout=2))
    row.expects(users=1, sessions=1, token_hits=31)
    visitor = site.browser()
    assert_ok(await visitor.sign_in())
    op.knobs.delays = {"token": 30}
    browsers = [site.browser() for _ in range(30)]
    urls = [await browser.reach_callback() for browser in browsers]
    pending = [asyncio.create_task(browser.callback(url)) for browser, url in zip(browsers, urls, strict=True)]
    await until(lambda: op.token_hits == 31)
    assert await site.checked_out(patience=0) == 0
    assert (await visitor.me()).status_code == 200
    for answer in await asyncio.gather(*pending):
        assert_er(answer, "provider_unavailable")


BAD_ANSWERS: dict[str, Answer] = {
    "500": Answer(500, b'{"error": "server_error"}'),
    "503": Answer(503),
    "429": Answer(429, b'{"error": "slow_down"}', {"retry-after": "1"}),
    "400": Answer(400, b'{"error": "invalid_grant"}'),
    "401": Answer(401, b'{"error": "invalid_client"}'),
    "204": Answer(204),
    "201-with-tokens": Answer(201, b'{"access_token": "a", "token_type": "Bearer", "id_token": "a.b.c"}'),
    "html": Answer(200, b"<html>maintenance</html>", {"content-type": "text/html"}),
    "empty": Answer(200, b""),
    "garbage": Answer(200, b"\x00\xff\xfe{"),
    "cut": Answer(200, b'{"access_token": "a'),
    "error-with-200": Answer(200, b'{"error": "invalid_grant", "error_description": "<script>"}'),
    "array": Answer(200, b'[{"access_token": "a"}]'),
    "null": Answer(200, b"null"),
    "text": Answer(200, b'"access_token"'),
    "form": Answer(200, b"access_token=a&token_type=bearer"),
    "utf-16": Answer(200, '{"error": "x"}'.encode("utf-16")),
    "bom": Answer(200, b'\xef\xbb\xbf{"error": "x"}'),
    "deep": Answer(200, b"[" * 100_000),
    "surrogate": Answer(200, b'{"error": "\\ud800"}'),
    "unknown-encoding": Answer(200, b"{}", {"content-encoding": "br"}),
    "false-gzip": Answer(200, b"{}", {"content-encoding": "gzip"}),
    "huge-number": Answer(200, b'{"error": 1' + b"0" * 5000 + b"}"),
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_c03_bad_token_answer(browser: Browser, row: Row, op: HostileProvider, answer: Answer) -> None:
    row.expects(token_hits=1)
    op.knobs.answers = {"token": answer}
    assert_er(await browser.sign_in(), "token_exchange_failed", "provider_unavailable")


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
async def test_c03_bad_discovery_answer(browser: Browser, op: HostileProvider, answer: Answer) -> None:
    op.knobs.answers = {"discovery": answer}
    assert_er(await browser.start(), "provider_unavailable", "provider_misconfigured")


@pytest.mark.parametrize(
    "behaviour", [raw.fifty_megabytes, raw.never_ends, raw.gzip_bomb], ids=["fifty-mb", "never-ends", "gzip-bomb"]
)
@pytest.mark.parametrize("endpoint", ["token_endpoint", "userinfo_endpoint"])
async def test_c04_body_without_end(
    *, site: Site, row: Row, op: HostileProvider, behaviour: raw.Behaviour, endpoint: str
) -> None:
    server = raw.RawServer(behaviour)
    op.knobs.metadata = {endpoint: server.serve(site.stage.outside)}
    op.knobs.claims = {"email": MISSING}
    row.expects(token_hits=0 if endpoint == "token_endpoint" else 1)
    browser = site.browser()
    url = await browser.reach_callback()
    tracemalloc.start()
    try:
        answer = await browser.callback(url)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert_er(answer, "provider_unavailable")
    assert peak < 20 * raw.MEBIBYTE
    assert server.sent < 20 * raw.MEBIBYTE


async def test_c04_one_mebibyte_is_the_limit(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    op.knobs.token_members = {"padding": "x" * raw.MEBIBYTE}
    assert_er(await browser.sign_in(), "provider_unavailable")


@pytest.mark.parametrize("endpoint", ["discovery", "token", "jwks", "userinfo"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_c05_redirect(
    *, browser: Browser, row: Row, op: HostileProvider, canary: HostileProvider, endpoint: str, status: int
) -> None:
    op.knobs.claims = {"email": MISSING}
    op.knobs.answers = {endpoint: Answer(status, headers={"location": f"{canary.issuer}/{endpoint}"})}
    if endpoint == "discovery":
        assert_er(await browser.start(), "provider_unavailable")
    else:
        row.expects(token_hits=1)
        codes = ["provider_unavailable"] + (["token_exchange_failed"] if endpoint == "token" else [])
        assert_er(await browser.sign_in(), *codes, *(["invalid_userinfo"] if endpoint == "userinfo" else []))
    assert not canary.seen


async def test_c05_redirect_to_itself(browser: Browser, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    op.knobs.answers = {"token": Answer(307, headers={"location": f"{op.issuer}/token"})}
    assert_er(await browser.sign_in(), "provider_unavailable", "token_exchange_failed")


async def test_c06_a_code_is_not_sent_twice(launch: Launch, row: Row, op: HostileProvider) -> None:
    row.expects(token_hits=1)
    site = await launch(http=IMPATIENT)
    op.knobs.delays = {"token": 5}
    assert_er(await site.browser().sign_in(), "provider_unavailable")
    await asyncio.sleep(0.3)
    assert op.token_hits == 1


async def test_c06_a_dropped_connection_is_not_retried(site: Site, row: Row, op: HostileProvider) -> None:
    async def hang_up(server: raw.RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the request, and close."""

    server = raw.RawServer(hang_up)
    op.knobs.metadata = {"token_endpoint": server.serve(site.stage.outside)}
    assert_er(await site.browser().sign_in(), "provider_unavailable")
    assert server.connections == 1


@pytest.mark.parametrize("kind", ["other", "slash", "missing", "null", "list", "upper", "localhost"])
async def test_c07_discovery_of_another_issuer(
    browser: Browser, op: HostileProvider, evil: HostileProvider, kind: str
) -> None:
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
@pytest.mark.parametrize("url", INSIDE, ids=str)
async def test_c07_endpoint_inside_the_network(
    *, launch: Launch, row: Row, op: HostileProvider, member: str, url: object
) -> None:
    site = await launch(http=IMPATIENT)
    op.knobs.metadata = {member: url}
    op.knobs.claims = {"email": MISSING}
    browser = site.browser()
    start = await browser.start()
    if start.headers["location"].startswith(op.issuer):  # refused only where the address is used
        answer = await browser.callback(await browser.authorize(start))
        row.expects(token_hits=0 if member == "token_endpoint" else 1)
    else:
        answer = start
    assert_er(answer, "provider_misconfigured", "provider_unavailable")
    assert op.hits["elsewhere"] == 0


@pytest.mark.parametrize(
    "url",
    [
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
    ],
    ids=str,
)
async def test_c07_authorization_endpoint_that_is_no_https_address(
    browser: Browser, op: HostileProvider, url: object
) -> None:
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
async def test_c08_issuer_inside_the_network(launch: Launch, row: Row, op: HostileProvider, issuer: str) -> None:
    inside = OIDCProviderSettings(issuer=issuer, client_id="c", client_secret="s")
    site = await launch(http=IMPATIENT, providers={"inside": inside, "op": op})
    assert_er(await site.browser().start("inside"), "provider_unavailable")


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


@pytest.mark.parametrize("headers", FORGED, ids=lambda headers: "+".join(name for name, _ in headers))
async def test_c10_forged_host(browser: Browser, row: Row, headers: list[tuple[str, str]]) -> None:
    row.expects(users=1, sessions=1)
    honest = await browser.start()
    forged = await browser.raw("GET", "/auth/provider/op/signin", [*NAVIGATION.items(), *headers])
    assert _without_randomness(forged.headers["location"]) == _without_randomness(honest.headers["location"])
    attributes = [exchange.cookies[0].attributes for exchange in browser.exchanges[-2:]]
    assert attributes[0] == attributes[1]
    url = await browser.authorize(honest)
    cookie = ("cookie", browser.jar.header(browser.at(url)))
    answer = await browser.raw("GET", url, [*NAVIGATION.items(), cookie, *headers])
    assert_ok(answer)
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
    given = {} if base_url is None else {"base_url": base_url}
    with pytest.raises(ValidationError, match=r"base_url|BASE_URL"):
        AuthSettings(secret=SECRET, **given)
