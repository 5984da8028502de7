"""Serve an application on a socket that is bound before the application is made: only then is its address known."""

import socket
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import uvicorn
from fastapi import FastAPI

_START_SECONDS: Final = 20.0


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one.

    Raises:
        OSError: the address is taken, or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)


def address(listener: socket.socket) -> str:
    """Return the URL under which a browser on this machine finds the socket."""
    host: str
    port: int
    host, port = listener.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
    return f"http://[{local}]:{port}" if ":" in local else f"http://{local}:{port}"


def make_server(app: FastAPI, *, log_level: str = "info") -> uvicorn.Server:
    """Return a server that is not started.

    It keeps no access log: the addresses of a sign-in hold the provider's code, which has no place in a log.
    """
    config = uvicorn.Config(
        app, access_log=False, lifespan="on", log_level=log_level, proxy_headers=False, server_header=False, ws="none"
    )
    return uvicorn.Server(config)


@contextmanager
def running(app: FastAPI, listener: socket.socket) -> Generator[None]:
    """Serve `app` in a thread while the block runs.

    Raises:
        RuntimeError: the application did not start.
    """
    server = make_server(app, log_level="warning")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > deadline:
                msg = "the application did not start"
                raise RuntimeError(msg)
            time.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
