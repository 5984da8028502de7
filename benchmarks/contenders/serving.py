"""How every contender is served: the same server, loop and parser, so that only what it does differs.

Also imported by a contender in an environment of its own, so it needs nothing but uvicorn.
"""

import argparse
import json
import os
import socket
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import uvicorn

_VERSIONS = ("fastapi", "starlette", "pydantic", "sqlalchemy", "asyncpg", "aiosqlite", "uvicorn", "uvloop", "httptools")


def arguments(*ways: str) -> argparse.Namespace:
    """Read the command line: `url` of the database, `session` to look up, and which of its `ways` to serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="", help="the database, as SQLAlchemy spells it")
    parser.add_argument("--session", default="", help="the id of a session that is there")
    parser.add_argument("--rows", type=int, default=0, help="how many sessions there are")
    parser.add_argument("--way", choices=ways, default=ways[0] if ways else None)
    return parser.parse_args()


def serve(app: Callable[..., Any], cookie: str = "") -> None:
    """Serve `app` on a free port of loopback, and say on the standard output where, with which cookie to ask.

    The line comes when the socket listens: a request that arrives earlier than the application is ready waits.
    """
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    told = {"port": listener.getsockname()[1], "pid": os.getpid(), "cookie": cookie, "versions": _versions()}
    print(json.dumps(told), flush=True)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="auto",
        access_log=False,
        log_level="warning",
    )
    uvicorn.Server(config).run(sockets=[listener])


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
