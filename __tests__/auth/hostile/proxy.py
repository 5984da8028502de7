"""A TCP proxy that can be cut: between the application and its database."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from __tests__.auth.hostile.world import World


@dataclass
class Proxy:
    """Forwards to a port until it is told to stop."""

    target: tuple[str, int]
    world: World
    port: int = 0
    is_down: bool = False
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    def start(self) -> None:
        self.port = self.world.serve_tcp(self._forward)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_down:
            writer.close()
            return
        there_reader, there_writer = await asyncio.open_connection(*self.target)
        ends = {writer, there_writer}
        self.open |= ends
        try:
            await asyncio.gather(self._pump(reader, there_writer), self._pump(there_reader, writer))
        finally:
            self.open -= ends
            for end in ends:
                end.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def cut(self) -> None:
        """Drop every connection that is open."""

        async def drop() -> None:
            for writer in list(self.open):
                writer.transport.abort()

        await self.world.run(drop())

    async def stop(self) -> None:
        """Drop every connection, and take no new one."""
        self.is_down = True
        await self.cut()

    def restart(self) -> None:
        self.is_down = False
