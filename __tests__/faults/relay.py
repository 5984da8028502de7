"""A TCP relay between the application and its database, which can be cut in several ways."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65536


@dataclass
class Relay:
    """Forwards every connection to a port of 127.0.0.1.

    With `cut_before` or `cut_after`, a connection is cut when the client sends these bytes: before the server has them,
    or when the server has answered them.
    """

    target: int
    port: int = 0
    cut_before: bytes | None = None
    cut_after: bytes | None = None
    connections: int = 0
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])
    _forgotten: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def cut(self) -> int:
        """Reset every connection, as a firewall or a proxy does that was restarted; return how many there were."""
        writers = list(self._writers)
        for writer in writers:
            writer.transport.abort()
        return len(writers) // 2

    def forget(self) -> int:
        """Forward nothing more over the present connections and say nothing; return how many there were."""
        self._forgotten = set(self._writers)
        return len(self._forgotten) // 2

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.target)
        ends = {writer, there_writer}
        self._writers |= ends
        try:
            with suppress(ConnectionError, ExceptionGroup):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._up(reader, there_writer))
                    group.create_task(self._down(there_reader, writer))
        finally:
            self._writers -= ends
            for end in ends:
                end.transport.abort()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.cut_before is not None and self.cut_before in data:
                self.cut_before = None
                raise ConnectionResetError
            self._answer_is_lost = self.cut_after is not None and self.cut_after in data
            if writer not in self._forgotten:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError  # end the other direction too

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self._answer_is_lost:
                self.cut_after = None
                raise ConnectionResetError
            if writer not in self._forgotten:
                writer.write(data)
                await writer.drain()
        raise ConnectionResetError

    _answer_is_lost: bool = False


@asynccontextmanager
async def relaying(target: int) -> AsyncGenerator[Relay]:
    """Run a relay to a port of 127.0.0.1."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await server.wait_closed()
