"""Threads with an event loop of their own, in which real servers listen on loopback ports.

The application under test lives in one, everything it talks to in another, so that a provider that hangs
cannot hold up the application, and log records can be told apart by their thread.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import uvicorn

type Application = Callable[..., Awaitable[None]]


class World:
    """One thread, one event loop, any number of HTTP and TCP servers."""

    def __init__(self, name: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._main, name=name, daemon=True)
        self._servers: list[tuple[uvicorn.Server, asyncio.Task[None]]] = []
        self._tcp: list[asyncio.Server] = []
        self._sockets: list[socket.socket] = []
        self.thread.start()

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def call[T](self, coroutine: Coroutine[Any, Any, T], timeout: float = 60) -> T:
        """Run a coroutine in this world and wait for it, from a plain function."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)

    async def run[T](self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in this world and wait for it, from another loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def serve(self, application: Application, *, certificate: tuple[str, str] | None = None) -> int:
        """Serve an ASGI application; the port."""
        return self.call(self._serve(application, certificate))

    async def _serve(self, application: Application, certificate: tuple[str, str] | None) -> int:
        listener = _listener(backlog=512)
        certfile, keyfile = certificate or (None, None)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,  # whether a query string is logged is the server's choice, not ours
            proxy_headers=False,  # uvicorn would believe X-Forwarded-For from loopback
            lifespan="off",
            ws="none",
            http="h11",
            timeout_keep_alive=30,
            ssl_certfile=certfile,
            ssl_keyfile=keyfile,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            if task.done():
                await task
            await asyncio.sleep(0.005)
        self._servers.append((server, task))
        self._sockets.append(listener)
        return int(listener.getsockname()[1])

    def serve_tcp(
        self,
        handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> int:
        """Serve a raw TCP conversation; the port."""
        return self.call(self._serve_tcp(handler))

    async def _serve_tcp(
        self,
        handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    ) -> int:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        self._tcp.append(server)
        return int(server.sockets[0].getsockname()[1])

    def stop(self) -> None:
        self.call(self._stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)

    async def _stop(self) -> None:
        for server in self._tcp:
            server.close()
        for server, _ in self._servers:
            server.should_exit = True
            server.force_exit = True
        for _, task in self._servers:
            await task
        for listener in self._sockets:
            listener.close()
        leftover = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in leftover:
            task.cancel()
        for task in leftover:
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await task


def _listener(*, backlog: int) -> socket.socket:
    # with the protocol named asyncio switches Nagle's algorithm off, which would cost 40 ms an answer
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(backlog)
    return listener
