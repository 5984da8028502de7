"""WebSockets: browsers open them across sites, with cookies; they are treated like requests that change something."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import websockets
from __tests__.auth.core.application import Application, build, served
from __tests__.auth.fixtures.dictionaries import DictAdapter, DictSession, NoConnection, NoDatabase
from __tests__.auth.fixtures.stores import Store
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect

from auth import UnavailableError
from proto import DBConnection

ADA = "ada@example.org"
EVIL = "https://evil.example"

over_stores = pytest.mark.parametrize("store_settings", ["dictionaries", "sqlite_file", "postgres"], indirect=True)


@pytest.fixture
async def application(store: Store) -> AsyncIterator[Application]:
    async with served(store.adapter, store.database) as application:
        yield application


@pytest.fixture
async def session(store: Store, application: Application) -> Any:
    async for db in store.database.dependency():
        ada = await store.adapter.create_user(db, ADA, "Ada")
        return await application.auth.sessions.create_session(db, ada.id)
    return None


def opened(
    application: Application, path: str, session: Any = None, origin: str | None = None, **headers: str
) -> AbstractAsyncContextManager[ClientConnection]:
    """Open a WebSocket as a browser does, or, without an origin, as a program does."""
    if session is not None:
        headers["Cookie"] = f"{application.auth.session_cookie_name}={application.auth.session_cookie(session)}"
    if origin is not None:
        headers["Origin"] = origin
    return connect(f"{application.url.replace('http', 'ws')}{path}", additional_headers=headers, proxy=None)


async def answer(application: Application, path: str, *arguments: Any, **headers: str) -> str | int:
    """The first message, or the status by which the handshake was refused."""
    try:
        async with opened(application, path, *arguments, **headers) as socket:
            return str(await socket.recv())
    except websockets.InvalidStatus as refused:
        return refused.response.status_code


@over_stores
async def test_a_page_of_the_application_opens_a_socket_for_its_user(application: Application, session: Any) -> None:
    assert await answer(application, "/socket", session, application.url) == ADA
    assert await answer(application, "/socket/optional", session, application.url) == ADA
    assert await answer(application, "/socket/optional", None, application.url) == "nobody"


@over_stores
async def test_another_site_opens_none_with_or_without_the_cookie(application: Application, session: Any) -> None:
    for path in ("/socket", "/socket/optional", "/socket/admin", "/socket/client"):
        for origin in (EVIL, "null", application.url.replace("http", "https"), f"{application.url}.evil.example"):
            assert await answer(application, path, session, origin) == 403
            assert await answer(application, path, None, origin) == 403
        assert await answer(application, path, session, None, **{"Sec-Fetch-Site": "cross-site"}) == 403


@over_stores
async def test_nobody_opens_a_socket_that_needs_a_user(application: Application, session: Any) -> None:
    for path in ("/socket", "/socket/admin", "/socket/client"):
        assert await answer(application, path, None, application.url) == 403
        assert await answer(application, path, uuid4(), application.url) == 403


@over_stores
async def test_a_scope_is_needed_as_in_any_route(application: Application, store: Store, session: Any) -> None:
    assert await answer(application, "/socket/admin", session, application.url) == 403
    await store.update_user(ADA, scopes=["admin"])
    assert await answer(application, "/socket/admin", session, application.url) == ADA


@over_stores
async def test_a_program_without_an_origin_opens_one_unless_strict(
    store: Store, application: Application, session: Any
) -> None:
    assert await answer(application, "/socket", session) == ADA
    async with served(store.adapter, store.database, csrf_strict=True) as strict:
        assert await answer(strict, "/socket", session) == 403
        assert await answer(strict, "/socket", session, strict.url) == ADA


@over_stores
async def test_an_open_socket_can_ask_again_and_notices_a_sign_out(
    application: Application, store: Store, session: Any
) -> None:
    async with opened(application, "/socket/client", session, application.url) as socket:
        await socket.send("who am I?")
        assert await socket.recv() == ADA
        async for db in store.database.dependency():
            assert await application.auth.client(db).sign_out(session.id)
        await socket.send("and now?")
        assert await socket.recv() == "nobody"


class Broken(DictAdapter):
    """A store that answers no more."""

    async def get_session(self, db: DBConnection, session_id: Any) -> DictSession | None:
        raise UnavailableError("canary")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Who opens what, and how it is closed."""

    path: str = "/socket"
    cookie: bool = True
    origin: str = "https://app.example"
    broken: bool = False
    code: int = 1008
    reason: str


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(origin=EVIL, reason="csrf"),
        Refusal(path="/socket/optional", cookie=False, origin=EVIL, reason="csrf"),
        Refusal(cookie=False, reason="not_authenticated"),
        Refusal(path="/socket/admin", reason="insufficient_scope"),
        Refusal(broken=True, code=1013, reason="storage_unavailable"),
        Refusal(path="/socket/optional", broken=True, code=1013, reason="storage_unavailable"),
    ],
)
async def test_a_refused_socket_is_closed_with_a_code_and_the_reason(refusal: Refusal) -> None:
    adapter, db = Broken() if refusal.broken else DictAdapter(), NoConnection()
    application = build(adapter, NoDatabase(), "https://app.example")
    user = await adapter.create_user(db, ADA)
    session = await application.auth.sessions.create_session(db, user.id)
    headers = {"origin": refusal.origin}
    if refusal.cookie:
        headers["cookie"] = f"{application.auth.session_cookie_name}={application.auth.session_cookie(session)}"
    with (
        TestClient(application.app, base_url="https://app.example") as client,
        pytest.raises(WebSocketDisconnect) as raised,
        client.websocket_connect(refusal.path, headers=headers),
    ):
        pass
    assert (raised.value.code, raised.value.reason) == (refusal.code, refusal.reason)
