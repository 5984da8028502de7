"""What a client is told when the database fails in a route of the application's own."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from __tests__.faults.shop import EMAIL, assert_unavailable, open_shop
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from auth import AuthClient
from belgie.alchemy import DatabaseRuntime, DatabaseSettings, PostgresSettings
from proto import UnavailableError

PASSWORD = "correct horse battery staple"


@pytest.fixture
def absent(unused_tcp_port: int) -> DatabaseRuntime:
    """A runtime whose server is not there."""
    settings = PostgresSettings(
        host="127.0.0.1", port=unused_tcp_port, database="app", username="app", password=PASSWORD
    )
    return settings.runtime


def application(runtime: DatabaseRuntime) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
        await session.execute(text("SELECT 1"))

    return app


async def get(app: FastAPI, path: str = "/") -> httpx.Response:
    listener = listening_socket()
    async with serving(app, listener), httpx.AsyncClient(base_url=base_url(listener), trust_env=False) as client:
        return await client.get(path)


async def test_a_database_that_is_not_there_is_a_503_without_a_word_in_the_application(
    absent: DatabaseRuntime, caplog: pytest.LogCaptureFixture
) -> None:
    assert_unavailable(await get(application(absent)))
    (logged,) = [entry for entry in caplog.records if entry.name == "belgie.alchemy"]
    assert logged.levelno == logging.ERROR
    assert logged.exc_info
    assert isinstance(logged.exc_info[1], OSError)
    assert PASSWORD not in caplog.text


async def test_so_it_is_in_a_dependency_and_in_a_route_that_runs_in_a_thread(absent: DatabaseRuntime) -> None:
    app = FastAPI()

    async def number(session: Annotated[AsyncSession, Depends(absent.dependency)]) -> Any:
        return await session.scalar(text("SELECT 1"))

    @app.get("/")
    def route(number: Annotated[int, Depends(number)]) -> int:
        return number

    assert_unavailable(await get(app))


async def test_the_applications_own_handler_comes_first(absent: DatabaseRuntime) -> None:
    async def answer(request: Request, error: Exception) -> PlainTextResponse:
        return PlainTextResponse(f"{type(error).__name__} of {type(error.__cause__).__name__}", 599)

    for kind in (UnavailableError, OSError):
        app = application(absent)
        app.add_exception_handler(kind, answer)
        answered = await get(app)
        assert answered.status_code == 599
        assert answered.text.startswith("RequestUnavailableError" if kind is UnavailableError else "ConnectionRefused")

    app = application(absent)
    app.add_exception_handler(Exception, answer)  # for whatever else happens
    assert_unavailable(await get(app))


async def test_a_mistake_in_a_statement_and_an_error_of_other_make_stay_what_they_are(
    database_settings: DatabaseSettings,
) -> None:
    async with database_settings.runtime as runtime:
        app = FastAPI()

        @app.get("/statement")
        async def statement(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await session.execute(text("SELECT * FROM no_such_table"))

        @app.get("/file")
        async def file(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await session.execute(text("SELECT 1"))
            Path("/no/such/file").read_bytes()  # noqa: ASYNC240 - it is to fail

        @app.get("/timeout")
        async def timeout(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            async with asyncio.timeout(0):
                await asyncio.Event().wait()

        for path in ("/statement", "/file", "/timeout"):
            assert (await get(app, path)).status_code == 500, path


async def test_a_handler_for_sqlalchemys_errors_still_gets_them(sqlite_memory_settings: DatabaseSettings) -> None:
    async with sqlite_memory_settings.runtime as runtime:
        app = FastAPI()

        @app.exception_handler(SQLAlchemyError)
        async def answer(request: Request, error: SQLAlchemyError) -> PlainTextResponse:
            return PlainTextResponse(type(error).__name__, 599)

        @app.get("/")
        async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
            await session.execute(text("PRAGMA query_only=ON"))
            await session.execute(text("CREATE TABLE t (x)"))

        assert (await get(app)).text == "OperationalError"


async def test_an_answer_that_has_begun_is_broken_off(sqlite_memory_settings: DatabaseSettings) -> None:
    async with sqlite_memory_settings.runtime as runtime:
        app = FastAPI()

        @app.get("/")
        async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> StreamingResponse:
            async def stream() -> Any:
                yield "begun"
                await session.execute(text("PRAGMA query_only=ON"))
                await session.execute(text("CREATE TABLE t (x)"))

            return StreamingResponse(stream())

        with pytest.raises(httpx.RemoteProtocolError):
            await get(app)
        assert runtime.connections.in_use == 0


async def test_a_websocket_is_closed_with_try_again_later(absent: DatabaseRuntime) -> None:
    app, listener = FastAPI(), listening_socket()

    @app.websocket("/")
    async def route(socket: WebSocket, session: Annotated[AsyncSession, Depends(absent.dependency)]) -> None:
        await socket.accept()
        await session.execute(text("SELECT 1"))

    async with serving(app, listener), connect(base_url(listener).replace("http", "ws")) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, "storage_unavailable")


async def test_an_operation_of_the_auth_client_in_a_route_is_a_503_too(own_postgres_server: Any) -> None:
    settings = DatabaseSettings.from_url(own_postgres_server.dsn)
    async with open_shop(settings) as shop:

        @shop.app.delete("/account")
        async def delete(
            client: Annotated[AuthClient[Any, Any, Any, Any], Depends(shop.auth)],
            user: Annotated[Any, Depends(shop.auth.user)],
        ) -> bool:
            await asyncio.to_thread(own_postgres_server.stop)
            return await client.delete_user(user)

        async with shop.browser() as browser:
            assert_unavailable(await browser.delete("/account"))
            await asyncio.to_thread(own_postgres_server.start)
            assert (await browser.get("/user")).json() == EMAIL
        await shop.assert_settled()
