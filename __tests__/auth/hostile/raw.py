"""Servers below HTTP: bodies that never end, one byte at a time, silence, and ports that swallow connections."""

import asyncio
import contextlib
import gzip
import io
import socket
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field

from __tests__.auth.hostile.world import World

type Behaviour = Callable[["RawServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

MEBIBYTE = 1024 * 1024


@dataclass
class RawServer:
    """A TCP server that reads a request's head and then does something rude."""

    behaviour: Behaviour
    connections: int = 0
    closed: int = 0
    sent: int = 0
    heads: list[bytes] = field(default_factory=list)
    port: int = 0

    def serve(self, world: World) -> str:
        """Listen; the address, as a URL."""
        self.port = world.serve_tcp(self._talk)
        return f"http://127.0.0.1:{self.port}/raw"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            await self.behaviour(self, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the client has had enough, which is what a test hopes for
        finally:
            self.closed += 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        writer.write(data)
        await writer.drain()
        self.sent += len(data)


def _head(*headers: str) -> bytes:
    return "\r\n".join(("HTTP/1.1 200 OK", "Content-Type: application/json", *headers, "", "")).encode()


async def silence(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Take the request and never answer."""
    await reader.read()  # until the client goes away


async def a_byte_now_and_then(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte long before any read timeout, for ever: only a deadline for the whole request ends it."""
    await server.send(writer, _head())
    while not writer.is_closing():
        await server.send(writer, b" ")
        await asyncio.sleep(0.1)


async def head_and_silence(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Promise a body that never comes."""
    await server.send(writer, _head("Content-Length: 100"))
    await reader.read()  # until the client goes away


async def never_ends(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A body with no length and no end, as fast as it is taken."""
    await server.send(writer, _head())
    while not writer.is_closing():
        await server.send(writer, b'{"keys": ' + b" " * 65536)


async def fifty_megabytes(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An honest length of 50 MiB."""
    await server.send(writer, _head(f"Content-Length: {50 * MEBIBYTE}"))
    for _ in range(50 * 16):
        await server.send(writer, b" " * 65536)


async def gzip_bomb(server: RawServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A few dozen kilobytes that unpack to 50 MiB."""
    packed = bomb()
    await server.send(writer, _head("Content-Encoding: gzip", f"Content-Length: {len(packed)}"))
    await server.send(writer, packed)


def bomb() -> bytes:
    """50 MiB of spaces, packed."""
    target = io.BytesIO()
    with gzip.GzipFile(fileobj=target, mode="wb", compresslevel=9) as packer:
        for _ in range(50):
            packer.write(b" " * MEBIBYTE)
    return target.getvalue()


@contextlib.contextmanager
def black_hole(host: str = "127.0.0.1", port: int = 0) -> Generator[str]:
    """An address that swallows the first packet of a connection: the queue of its listener is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(8):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                caller.connect(listener.getsockname())
        yield f"http://{host}:{listener.getsockname()[1]}/hole"
