"""The client for requests to providers on the wire: whom it believes, what it asks for, what it takes."""

import asyncio
import gzip
import json
import ssl
import tracemalloc
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from __tests__.auth.hostile.tls import Authority

from auth import HTTPSettings, OAuthError
from auth.providers import ProviderHTTP


def http(*, loopback: bool = True, **settings: Any) -> ProviderHTTP:
    return ProviderHTTP(HTTPSettings(**settings), loopback=loopback)


async def unavailable(client: ProviderHTTP, url: str) -> None:
    with pytest.raises(OAuthError) as caught:
        await client.get(url)
    assert caught.value.code == "provider_unavailable"


class Server:
    """Answers every request with the same bytes, and keeps the heads of those that arrived."""

    def __init__(
        self, body: bytes = b"{}", *, status: int = 200, headers: str = "", tls: tuple[str, str] | None = None
    ) -> None:
        head = f"HTTP/1.1 {status} X\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self._answer = head.encode() + body
        self._context = None
        if tls is not None:
            self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self._context.load_cert_chain(*tls)
            self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.heads: list[str] = []
        self.names: list[str | None] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/x"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode().lower())
            writer.write(self._answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it was not for us, or more than was wanted
        finally:
            writer.close()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path)


async def test_the_name_is_what_the_certificate_must_prove_and_the_server_is_told(authority: Authority) -> None:
    async with Server(tls=authority.certify("name", name="localhost")) as server:
        response = await http(ca_file=authority.file).get(f"https://localhost:{server.port}/x")
        assert response.ok
        assert server.names == ["localhost"]
        assert f"host: localhost:{server.port}\r\n" in server.heads[0]


async def test_a_certificate_of_the_address_does_not_prove_the_name(authority: Authority) -> None:
    async with Server(tls=authority.certify("address", name="127.0.0.1")) as server:
        await unavailable(http(ca_file=authority.file), f"https://localhost:{server.port}/x")
        assert not server.heads
        assert (await http(ca_file=authority.file).get(f"https://127.0.0.1:{server.port}/x")).ok


@pytest.mark.parametrize("trusted", ["nobody", "another"])
async def test_an_authority_that_was_not_named_proves_nothing(
    authority: Authority, tmp_path_factory: pytest.TempPathFactory, trusted: str
) -> None:
    another = Authority.new(tmp_path_factory.mktemp("another"))
    async with Server(tls=authority.certify("name", name="localhost")) as server:
        client = http() if trusted == "nobody" else http(ca_file=another.file)
        await unavailable(client, f"https://localhost:{server.port}/x")
        assert not server.heads


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/x", "http://localhost:{port}/x"])
async def test_in_production_nothing_is_sent_in_clear_text_even_within_the_network(url: str) -> None:
    async with Server() as server:
        client = http(loopback=False, allow_private_networks=True)
        await unavailable(client, url.format(port=server.port))
        assert not server.heads


async def test_an_address_with_a_password_is_not_asked() -> None:
    async with Server() as server:
        await unavailable(http(), f"http://user:password@127.0.0.1:{server.port}/x")
        assert not server.heads


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_no_answer_and_is_not_followed(status: int) -> None:
    async with Server() as target, Server(b'{"a": 1}', status=status, headers=f"Location: {target.url}\r\n") as server:
        await unavailable(http(), server.url)
        assert (len(server.heads), len(target.heads)) == (1, 0)


@pytest.mark.parametrize("status", [500, 502, 599])
async def test_a_server_error_is_no_answer_whatever_it_says(status: int) -> None:
    async with Server(b'{"a": 1}', status=status) as server:
        await unavailable(http(), server.url)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_a_packed_body_is_unpacked(encoding: str) -> None:
    async with Server(gzip.compress(b'{"a": 1}'), headers=f"Content-Encoding: {encoding}\r\n") as server:
        assert (await http().get(server.url)).document == {"a": 1}
        assert "accept-encoding: gzip\r\n" in server.heads[0]


@pytest.mark.parametrize("encoding", ["deflate", "br", "gzip, gzip", "x"])
async def test_a_packing_that_was_not_asked_for_is_refused_whatever_is_inside(encoding: str) -> None:
    async with Server(gzip.compress(b'{"a": 1}'), headers=f"Content-Encoding: {encoding}\r\n") as server:
        await unavailable(http(), server.url)


async def test_a_body_that_only_claims_to_be_packed_is_refused() -> None:
    async with Server(b'{"a": 1}', headers="Content-Encoding: gzip\r\n") as server:
        await unavailable(http(), server.url)


async def test_a_body_that_unpacks_to_too_much_is_not_unpacked() -> None:
    async with Server(gzip.compress(b" " * 64_000_000), headers="Content-Encoding: gzip\r\n") as server:
        tracemalloc.start()
        try:
            await unavailable(http(), server.url)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 16_000_000


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
async def test_a_long_body_arrives_whole(*, packed: bool) -> None:
    document = {str(number): number for number in range(20_000)}
    body = json.dumps(document).encode()
    headers = "Content-Encoding: gzip\r\n" if packed else ""
    async with Server(gzip.compress(body) if packed else body, headers=headers) as server:
        assert (await http().get(server.url)).document == document


async def test_a_form_goes_with_the_headers_of_its_request() -> None:
    async with Server() as server:
        await http().post_form(server.url, {"a": "b"}, headers={"Authorization": "Basic eDp5"})
        assert server.heads[0].startswith("post /x ")
        assert "authorization: basic edp5\r\n" in server.heads[0]
