"""The client for requests to providers, beyond what the attack matrix asks of it."""

import asyncio
import gzip
import json
import socket
import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from __tests__.auth.hostile import raw
from __tests__.auth.providers.fake import FakeProvider

from auth import HTTPSettings, OAuthError
from auth.providers import ProviderHTTP
from auth.providers.transport import Transport


def http(*, loopback: bool = True, **settings: Any) -> ProviderHTTP:
    return ProviderHTTP(HTTPSettings(**settings), loopback=loopback)


def transport(*, loopback: bool, **settings: Any) -> Transport:
    return Transport(HTTPSettings(**settings), lambda _url: None, loopback=loopback)


async def unavailable(client: ProviderHTTP, url: str) -> OAuthError:
    with pytest.raises(OAuthError) as caught:
        await client.get(url)
    assert caught.value.code == "provider_unavailable"
    assert (caught.value.__cause__, caught.value.__suppress_context__) == (None, True)
    return caught.value


@pytest.mark.parametrize(
    ("url", "on_loopback", "in_production"),
    [
        ("https://op.example", True, True),
        ("https://op.example:8443/a?b=c", True, True),
        ("https://127.0.0.1", True, True),
        ("http://127.0.0.1:8000/a", True, False),
        ("http://localhost:8000", True, False),
        ("http://[::1]:8000", True, False),
        ("http://op.example", False, False),
        ("http://10.0.0.1", False, False),
        ("http://127.0.0.1.example", False, False),
        ("http://localhost.example", False, False),
        ("https://user@op.example", False, False),
        ("https://op.example\\@evil.example", False, False),
        ("ftp://op.example", False, False),
        ("op.example", False, False),
        ("", False, False),
    ],
)
def test_an_address_is_https_or_http_on_loopback_while_developing(
    url: str, *, on_loopback: bool, in_production: bool
) -> None:
    for loopback, accepted in ((True, on_loopback), (False, in_production)):
        if accepted:
            assert http(loopback=loopback).check_url(url) == url
        else:
            with pytest.raises(ValueError, match="expected"):
                http(loopback=loopback).check_url(url)


@pytest.mark.parametrize(
    ("address", "accepted"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("::ffff:93.184.215.14", True),
        ("64:ff9b::5db8:d70e", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fd00::1", False),
        ("fe80::1", False),
        ("ff0e::1", False),
        ("2001:db8::1", False),
        ("::ffff:10.0.0.1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:169.254.169.254", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("::ffff:224.0.0.1", False),
        ("2002:5db8:d70e::1", True),
        ("2002:a00:1::", False),
        ("2002:7f00:1::1", False),
    ],
)
def test_an_address_must_be_public_under_each_of_its_names(address: str, *, accepted: bool) -> None:
    assert transport(loopback=False)._is_acceptable(ip_address(address)) is accepted
    assert transport(loopback=False, allow_private_networks=True)._is_acceptable(ip_address(address))


@pytest.mark.parametrize(
    ("address", "accepted"), [("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False)]
)
def test_an_application_on_loopback_may_talk_to_loopback(address: str, *, accepted: bool) -> None:
    assert transport(loopback=True)._is_acceptable(ip_address(address)) is accepted


@pytest.mark.parametrize(
    ("body", "document", "items"),
    [
        ({"a": 1}, {"a": 1}, None),
        ([1, {"a": 2}], None, [1, {"a": 2}]),
        (b"null", None, None),
        (b'"text"', None, None),
        (b"7", None, None),
        (b"", None, None),
        (b"{", None, None),
        (b'{"a": NaN}', None, None),
        (b"\xff\xfe{\x00}\x00", None, None),
    ],
    ids=str,
)
async def test_an_answer_is_an_object_a_list_or_nothing(
    server: FakeProvider, body: Any, document: Any, items: Any
) -> None:
    server.reply("/x", body)
    response = await http().get(f"{server.url}/x")
    assert (response.status, response.ok, response.document, response.items) == (200, True, document, items)
    assert "1" not in repr(response)


@pytest.mark.parametrize("status", [201, 204, 400, 401, 403, 404, 429, 499])
async def test_any_status_below_500_but_a_redirect_is_an_answer(server: FakeProvider, status: int) -> None:
    server.reply("/x", {} if status != 204 else b"", status)
    response = await http().get(f"{server.url}/x")
    assert (response.status, response.ok) == (status, False)


async def test_a_request_carries_what_it_is_told_and_nothing_else(
    server: FakeProvider, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server.reply("/x", {})
    client = http()
    await client.get(f"{server.url}/x?a=b", headers={"X-Ours": "yes"})
    await client.post_form(f"{server.url}/x", {"a": "ü &"})
    got, posted = server.requests("/x")
    assert (got.method, got.query, got.headers["x-ours"]) == ("GET", {"a": "b"}, "yes")
    assert (posted.method, posted.form) == ("POST", {"a": "ü &"})
    assert posted.headers["content-type"] == "application/x-www-form-urlencoded"
    for seen in (got, posted):
        assert (seen.headers["accept"], seen.headers["user-agent"]) == ("application/json", "belgie")
        assert not {"authorization", "cookie", "proxy-authorization"} & seen.headers.keys()


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Answer as a name server would that knows several addresses, as none does for a name of loopback."""

    async def getaddrinfo(_host: str, port: int, *, type: int = 0) -> list[Any]:  # noqa: A002  the name that it has
        kinds = [type] if type else [socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW]
        return [(socket.AF_INET, kind, 0, "", (address, port)) for address in addresses for kind in kinds]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


async def test_a_name_with_several_addresses_is_tried_in_turn(
    server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.3", "127.0.0.1")
    server.reply("/x", {"a": 1})
    url = server.url.replace("127.0.0.1", "localhost")
    assert (await http().get(f"{url}/x")).document == {"a": 1}
    assert server.request("/x").headers["host"] == url.removeprefix("http://")


async def test_an_address_that_swallows_connections_leaves_time_for_the_next(
    server: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    server.reply("/x", {"a": 1})
    port = int(server.url.rpartition(":")[2])
    with raw.black_hole("127.0.0.2", port):
        assert (await http(timeout=1.6).get(f"http://localhost:{port}/x")).document == {"a": 1}


@pytest.mark.parametrize(
    "addresses",
    [
        [],
        ["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"],
        ["127.0.0.1", "10.0.0.1"],
        ["127.0.0.1", "169.254.169.254"],
        ["127.0.0.1", "::ffff:10.0.0.1"],
    ],
    ids=["none", "too-many", "private", "link-local", "mapped"],
)
async def test_a_name_is_asked_only_if_each_of_its_addresses_may_be(
    server: FakeProvider, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    resolve_to(monkeypatch, *addresses)
    await unavailable(http(), f"{server.url.replace('127.0.0.1', 'localhost')}/x")
    assert not server.seen


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "[::1]"])
async def test_in_production_nobody_is_sent_into_this_machine(server: FakeProvider, host: str) -> None:
    port = server.url.rpartition(":")[2]
    await unavailable(http(loopback=False, timeout=5), f"https://{host}:{port}/x")
    assert not server.seen


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("size", "accepted"), [(4096, True), (4097, False)])
async def test_the_limit_is_that_of_the_unpacked_body(*, packed: bool, size: int, accepted: bool) -> None:
    body = json.dumps({"a": "x" * (size - len('{"a": ""}'))}).encode()
    assert len(body) == size
    async with answering(gzip.compress(body) if packed else body, "gzip" if packed else "identity") as url:
        client = http(max_body=4096)
        if accepted:
            assert (await client.get(url)).document == json.loads(body)
        else:
            await unavailable(client, url)


@pytest.mark.parametrize("encoding", ["br", "deflate", "zstd", "gzip, gzip", "compress", "x"])
async def test_a_body_that_was_not_asked_for_is_refused(encoding: str) -> None:
    async with answering(b"{}", encoding) as url:
        await unavailable(http(), url)


async def test_the_deadline_is_that_of_the_whole_request(server: FakeProvider) -> None:
    server.replies["/x"] = (200, {}, 5)
    started = time.monotonic()
    await unavailable(http(timeout=0.3), f"{server.url}/x")
    assert 0.25 < time.monotonic() - started < 2


async def test_an_error_says_nothing_of_the_address_or_the_answer(server: FakeProvider) -> None:
    server.reply("/x", b"a secret of the provider", 500)
    error = await unavailable(http(), f"{server.url}/x?token=a-secret-of-ours")
    assert "secret" not in f"{error!r} {error}"
    assert "127.0.0.1" not in str(error)


@pytest.mark.parametrize("url", ["http://op.example/x", "https://user:pw@op.example/x", "file:///etc/passwd", "", "x"])
async def test_an_address_that_is_not_acceptable_is_not_asked(url: str) -> None:
    error = await unavailable(http(timeout=1), url)
    assert "pw" not in str(error)


class answering:  # noqa: N801  reads as a verb where it is used
    """A server that answers everything with these bytes, which no framework may touch."""

    def __init__(self, body: bytes, encoding: str) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/x"

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self._answer)
        await writer.drain()
        writer.close()
