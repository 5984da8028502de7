"""Requests to providers, by which nobody can hold, flood or misdirect this server.

No redirects, no proxies from the environment, no cookies, no retries; one deadline for the whole request (a read
timeout alone starts again with every byte), a limit for the decompressed body, and the address is checked where it is
used: each name is resolved once, what is not public is refused, and the connection goes to that very address.
"""

import asyncio
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from auth.core.exceptions import OAuthError
from auth.core.settings import HTTPSettings

_SERVER_ERRORS: Final = 500
_ADDRESSES_TRIED: Final = 3
_READ_BYTES: Final = 16 * 1024
_CONNECTING: Final = 0.75  # of the time that is left
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052
_IPV4_BITS: Final = 0xFFFF_FFFF


class Transport:
    """Sends requests to providers.

    Args:
        settings: deadline, limits and authorities.
        check_url: raises a ValueError if no request may be sent there.
        loopback: whether the application runs on loopback, where providers on loopback are accepted.
    """

    def __init__(self, settings: HTTPSettings, check_url: Callable[[str], object], *, loopback: bool) -> None:
        self._settings = settings
        self._check_url = check_url
        self._loopback = loopback

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        """Send a request and return the status and the body of the answer.

        Raises:
            OAuthError: `provider_unavailable`.
        """
        try:
            self._check_url(url)
            async with asyncio.timeout(self._settings.timeout):
                return await self._exchange(method, url, headers, form)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, TimeoutError, ValueError, zlib.error) as error:
            # the cause is not chained: its text can hold what the provider sent
            code = "provider_unavailable"
            message = f"no usable answer from the provider: {type(error).__name__}"
            raise OAuthError(code, message) from None

    async def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        form: Mapping[str, str] | None,
    ) -> tuple[int, bytes]:
        parts = urlsplit(url)
        host = parts.hostname or ""
        deadline = asyncio.get_running_loop().time() + self._settings.timeout
        failure: Exception | None = None
        # a connection is not kept: one that was verified for one name must not serve another at the same address
        async with httpx.AsyncClient(
            verify=_ssl_context(self._settings.ca_file),
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        ) as client:
            for address in await self._resolve(host, parts.port or (443 if parts.scheme == "https" else 80)):
                left = deadline - asyncio.get_running_loop().time()
                request = client.build_request(
                    method,
                    httpx.URL(url, host=str(address)),
                    headers={**headers, "Host": parts.netloc},
                    data=dict(form) if form is not None else None,
                    extensions={"sni_hostname": host.strip("[]")},
                    # before the deadline, because a handshake that is cancelled leaves its socket open
                    timeout=httpx.Timeout(left, connect=_CONNECTING * left),
                )
                try:
                    response = await client.send(request, stream=True)
                except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                    failure = error  # nothing was sent: the next address may be tried
                    continue
                try:
                    return response.status_code, await self._read(response)
                finally:
                    await response.aclose()
        raise failure or OSError

    async def _resolve(self, host: str, port: int) -> list[IPv4Address | IPv6Address]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        if not addresses or not all(self._is_acceptable(address) for address in addresses):
            raise OSError("the provider's name leads to an address that is not public")
        return addresses[:_ADDRESSES_TRIED]

    def _is_acceptable(self, address: IPv4Address | IPv6Address) -> bool:
        plain = (_inner(address) or address) if isinstance(address, IPv6Address) else address
        if self._settings.allow_private_networks or (plain.is_loopback and self._loopback):
            return True
        return plain.is_global and not plain.is_multicast

    async def _read(self, response: httpx.Response) -> bytes:
        if response.status_code >= _SERVER_ERRORS or response.is_redirect:
            raise httpx.HTTPError(str(response.status_code))
        body = bytearray()
        async for chunk in _decoded(response, self._settings.max_body):
            body += chunk
            if len(body) > self._settings.max_body:
                raise httpx.HTTPError("too large")
        return bytes(body)


@cache
def _ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return what decides whom to believe; reading the authorities takes longer than a request."""
    return httpx.create_ssl_context() if ca_file is None else ssl.create_default_context(cafile=ca_file)


def _inner(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 one is another name of."""
    if address in _NAT64:
        return IPv4Address(int(address) & _IPV4_BITS)
    return address.ipv4_mapped or address.sixtofour


async def _decoded(response: httpx.Response, limit: int) -> AsyncIterator[bytes]:
    """Yield the body; httpx would decompress a chunk in full, however large it becomes."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise httpx.HTTPError("unknown encoding")
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if encoding != "identity" else None
    async for chunk in response.aiter_raw(_READ_BYTES):
        yield chunk if inflate is None else inflate.decompress(chunk, limit + 1)
