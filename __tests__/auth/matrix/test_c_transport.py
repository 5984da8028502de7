"""Section C of the attack matrix: the provider as a network peer."""

import asyncio
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from __tests__.auth.hostile import raw
from __tests__.auth.hostile.browser import Browser
from __tests__.auth.hostile.knobs import MISSING, Answer
from __tests__.auth.hostile.outcomes import assert_er, assert_ok, case
from __tests__.auth.hostile.provider import HostileProvider
from __tests__.auth.hostile.row import Row
from __tests__.auth.hostile.site import TLS_HOST, Launch, Site
from __tests__.auth.hostile.waiting import until

from auth import HTTPSettings, OIDCProviderSettings

#: With the ten seconds of the default these rows would be slow; that the deadline is total does not depend on it.
IMPATIENT = HTTPSettings(timeout=0.6)


def test_c01_the_default_deadline_is_ten_seconds() -> None:
    assert HTTPSettings().timeout == 10


@pytest.fixture
def hole() -> Iterator[str]:
    with raw.black_hole() as url:
        yield url


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize(
    "behaviour",
    [raw.silence, raw.head_and_silence, raw.a_byte_now_and_then],
    ids=["silence", "head-only", "a-byte-now-and-then"],
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


async def test_c03_bad_token_answer(row: Row, op: HostileProvider, site: Site) -> None:
    row.expects(token_hits=len(BAD_ANSWERS))
    for name, answer in BAD_ANSWERS.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
            op.knobs.answers = {"token": answer}
            assert_er(await browser.sign_in(), "token_exchange_failed", "provider_unavailable")


async def test_c03_bad_discovery_answer(op: HostileProvider, site: Site) -> None:
    for name, answer in BAD_ANSWERS.items():
        op.turn_honest()
        browser = site.browser()
        with case(name):
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
async def test_c05_redirect(
    *, site: Site, row: Row, op: HostileProvider, canary: HostileProvider, endpoint: str
) -> None:
    refused = {"token": "token_exchange_failed", "userinfo": "invalid_userinfo"}
    op.knobs.claims = {"email": MISSING}
    row.expects(token_hits=0 if endpoint == "discovery" else 5)
    for status in (301, 302, 303, 307, 308):
        op.knobs.answers = {endpoint: Answer(status, headers={"location": f"{canary.issuer}/{endpoint}"})}
        browser = site.browser()
        with case(status):
            answer = await browser.start() if endpoint == "discovery" else await browser.sign_in()
            assert_er(answer, "provider_unavailable", refused.get(endpoint, "provider_unavailable"))
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


async def test_c01_a_tls_handshake_that_stalls(launch: Launch, row: Row) -> None:
    server = raw.RawServer(raw.silence)
    server.serve(row.stage.outside)
    stalled = OIDCProviderSettings(issuer=f"https://{TLS_HOST}:{server.port}", client_id="c", client_secret="s")
    patience = HTTPSettings(timeout=0.6, allow_private_networks=True)
    site = await launch(base_url="https://app.example", http=patience, providers={"stalled": stalled})
    started = time.monotonic()
    assert_er(await site.browser().start("stalled"), "provider_unavailable")
    assert time.monotonic() - started < 3
    assert server.connections == 1
    await until(lambda: server.closed == 1, 2)  # and the socket does not wait for the garbage collector
    await launch()
