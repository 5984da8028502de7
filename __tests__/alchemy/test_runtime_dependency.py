import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import pytest
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Watch:
    """Notes how many connections are out when an answer begins."""

    def __init__(self, app: ASGIApp, runtime: DatabaseRuntime, seen: list[int]) -> None:
        self.app, self.runtime, self.seen = app, runtime, seen

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.seen.append(self.runtime.connections.in_use)
            await send(message)

        await self.app(scope, receive, watched)


@pytest.fixture
async def small(database_settings: DatabaseSettings) -> AsyncIterator[DatabaseRuntime]:
    """A runtime with one connection: whoever takes a second one in a request waits in vain."""
    settings = database_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 15.0})
    async with settings.runtime as runtime:
        await runtime.create_all(Base.metadata)
        yield runtime


@asynccontextmanager
async def _served(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    assert await _until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        yield client
    server.should_exit = True
    await task


async def _until(condition: Callable[[], bool]) -> bool:
    for _ in range(500):
        if condition():
            return True
        await asyncio.sleep(0.01)
    return False


async def _settled(runtime: DatabaseRuntime) -> bool:
    """Wait until no connection is out: a request may end shortly after its answer."""
    return await _until(lambda: runtime.connections.in_use == 0)


async def test_the_connection_is_back_before_the_answer_is_sent(small: DatabaseRuntime) -> None:
    app, seen = FastAPI(), list[int]()
    app.add_middleware(Watch, runtime=small, seen=seen)

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(small.dependency)]) -> str:
        await session.scalar(text("SELECT 1"))
        assert small.connections.in_use == 1
        return "x" * 100_000

    async with _served(app) as client:
        for _ in range(5):
            assert (await client.get("/")).status_code == 200
        answers = await asyncio.gather(*(client.get("/") for _ in range(100)))
    assert {answer.status_code for answer in answers} == {200}
    assert seen[:5] == [0] * 5
    assert await _settled(small)


async def test_everything_in_a_request_gets_one_session(small: DatabaseRuntime) -> None:
    """Also where one asks through the settings, in another scope, or without FastAPI's cache: here, one connection."""
    app = FastAPI()
    settings = small.settings

    async def nested(session: Annotated[AsyncSession, Depends(settings.dependency)]) -> AsyncSession:
        await session.scalar(text("SELECT 1"))
        return session

    @app.get("/")
    async def route(
        one: Annotated[AsyncSession, Depends(small.dependency)],
        two: Annotated[AsyncSession, Depends(nested)],
        three: Annotated[AsyncSession, Depends(small.dependency, scope="function")],
        four: Annotated[AsyncSession, Depends(small.dependency, use_cache=False)],
    ) -> bool:
        await three.scalar(text("SELECT 1"))
        return one is two is three is four

    async with _served(app) as client:
        first, second = await asyncio.gather(client.get("/"), client.get("/"))
    assert first.json() is second.json() is True
    assert await _settled(small)


async def test_two_requests_get_two_sessions(runtime: DatabaseRuntime) -> None:
    app, seen = FastAPI(), list[AsyncSession]()
    barrier = asyncio.Barrier(2)

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
        seen.append(session)
        await barrier.wait()

    async with _served(app) as client:
        await asyncio.gather(client.get("/"), client.get("/"))
    assert seen[0] is not seen[1]


async def test_what_the_route_commits_is_kept_and_a_failure_undoes_the_rest(small: DatabaseRuntime) -> None:
    app = FastAPI()

    @app.post("/{kind}")
    async def route(kind: str, session: Annotated[AsyncSession, Depends(small.dependency)]) -> None:
        session.add(Note(text="committed"))
        await session.commit()
        session.add(Note(text=kind))
        await session.flush()
        if kind == "error":
            raise ZeroDivisionError
        if kind == "http":
            raise HTTPException(418)
        if kind == "commit":
            await session.commit()

    async with _served(app) as client:
        codes = [(await client.post(f"/{kind}")).status_code for kind in ("error", "http", "nothing", "commit")]
    assert codes == [500, 418, 200, 200]
    async with small.session() as session:
        found = list(await session.scalars(select(Note.text).order_by(Note.id)))
    assert found == ["committed", "committed", "committed", "committed", "commit"]


async def test_an_error_in_another_dependency_gives_the_connection_back(small: DatabaseRuntime) -> None:
    app = FastAPI()

    async def failing(session: Annotated[AsyncSession, Depends(small.dependency)]) -> None:
        await session.execute(insert(Note).values(text="lost"))
        raise HTTPException(403)

    @app.get("/")
    async def route(_: Annotated[None, Depends(failing)]) -> None:
        pytest.fail("never reached")

    async with _served(app) as client:
        for _ in range(3):
            assert (await client.get("/")).status_code == 403
            assert small.connections.in_use == 0
    async with small.session() as session:
        assert await session.scalar(select(Note.text)) is None


async def test_a_session_may_be_used_again_while_the_answer_streams(small: DatabaseRuntime) -> None:
    app = FastAPI()
    objects: list[Note] = []

    @app.get("/")
    async def route(
        tasks: BackgroundTasks, session: Annotated[AsyncSession, Depends(small.dependency)]
    ) -> StreamingResponse:
        note = Note(text="loaded")
        session.add(note)
        await session.commit()
        objects.append(note)

        async def stream() -> AsyncGenerator[str]:
            yield note.text  # what was loaded stays readable
            yield (await session.scalars(select(Note.text))).one()

        async def later() -> None:
            await session.execute(update(Note).values(text="background"))
            await session.commit()
            await session.execute(update(Note).values(text="forgotten"))

        tasks.add_task(later)
        return StreamingResponse(stream(), background=tasks)

    async with _served(app) as client:
        assert (await client.get("/")).text == "loadedloaded"
        assert await _settled(small)
    async with small.session() as session:
        assert await session.scalar(select(Note.text)) == "background"


async def test_a_dependency_of_function_scope_may_commit_before_the_answer(small: DatabaseRuntime) -> None:
    app = FastAPI()

    async def committed(session: Annotated[AsyncSession, Depends(small.dependency)]) -> AsyncGenerator[AsyncSession]:
        yield session
        await session.commit()

    @app.post("/{kind}")
    async def route(kind: str, session: Annotated[AsyncSession, Depends(committed, scope="function")]) -> None:
        session.add(Note(text=kind))
        if kind == "broken":
            session.add(Note(id=1, text="taken"))

    async with _served(app) as client:
        assert (await client.post("/fine")).status_code == 200
        assert (await client.post("/broken")).status_code == 500
    async with small.session() as session:
        assert list(await session.scalars(select(Note.text))) == ["fine"]


@pytest.mark.parametrize("flushed", [False, True])
async def test_a_dependency_that_commits_after_the_answer_is_warned_of(
    small: DatabaseRuntime, caplog: pytest.LogCaptureFixture, *, flushed: bool
) -> None:
    app = FastAPI()

    async def late(session: Annotated[AsyncSession, Depends(small.dependency)]) -> AsyncGenerator[AsyncSession]:
        yield session
        await session.commit()

    @app.post("/")
    async def route(session: Annotated[AsyncSession, Depends(late)], *, save: bool) -> None:
        session.add(Note(text="note"))
        if flushed:
            await session.flush()
        if save:
            await session.commit()

    async with _served(app) as client:
        assert (await client.post("/?save=true")).status_code == 200
        assert caplog.messages == []
        assert (await client.post("/?save=false")).status_code == 200
    assert [record.message for record in caplog.records if record.name == "belgie.alchemy"] == [
        "a request ended with changes that were not committed, and they were rolled back"
    ]
    async with small.session() as session:
        assert len(list(await session.scalars(select(Note)))) == 1


async def test_the_dependency_can_be_replaced_for_tests(runtime: DatabaseRuntime) -> None:
    app = FastAPI()

    @app.get("/")
    async def route(session: Annotated[object, Depends(runtime.dependency)]) -> object:
        return session

    app.dependency_overrides[runtime.dependency] = lambda: "replaced"
    async with _served(app) as client:
        assert (await client.get("/")).json() == "replaced"


async def test_it_is_an_async_generator_for_everyone_else(small: DatabaseRuntime) -> None:
    sessions = []
    async for session in small.dependency():
        sessions.append(session)
        await session.execute(insert(Note).values(text="lost"))
        assert small.connections.in_use == 1
    assert small.connections.in_use == 0
    async with asynccontextmanager(small.dependency)() as session:
        assert await session.scalar(select(Note.text)) is None
    assert len(sessions) == 1


def test_it_works_in_a_websocket_route(database_settings: DatabaseSettings) -> None:
    runtime = DatabaseRuntime(database_settings)
    app = FastAPI(lifespan=runtime.lifespan)

    @app.websocket("/")
    async def route(socket: WebSocket, session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None:
        await socket.accept()
        await socket.send_json(await session.scalar(text("SELECT 41 + 1")))
        await socket.close()

    with TestClient(app) as client:
        with client.websocket_connect("/") as socket:
            assert socket.receive_json() == 42
        assert any(time.sleep(0.01) or runtime.connections.in_use == 0 for _ in range(500))


async def test_it_shows_no_parameter_of_its_own_in_the_documentation(runtime: DatabaseRuntime) -> None:
    app = FastAPI()

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> None: ...

    assert "parameters" not in app.openapi()["paths"]["/"]["get"]


async def test_a_client_that_goes_away_leaves_no_connection_out(small: DatabaseRuntime) -> None:
    app, entered = FastAPI(), asyncio.Event()

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(small.dependency)]) -> StreamingResponse:
        async def stream() -> AsyncGenerator[str]:
            await session.scalar(text("SELECT 1"))
            entered.set()
            while True:
                yield "x" * 10_000
                await asyncio.sleep(0.01)

        return StreamingResponse(stream())

    async with _served(app) as client:
        async with client.stream("GET", "/"):
            await entered.wait()
            assert small.connections.in_use == 1
        assert await _settled(small)
        await small.ping()


async def test_a_cancelled_request_gives_its_connection_back(small: DatabaseRuntime) -> None:
    async def request() -> None:
        async for session in small.dependency():
            await session.execute(insert(Note).values(text="lost"))
            await asyncio.sleep(30)

    task = asyncio.create_task(request())
    assert await _until(lambda: small.connections.in_use == 1)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await _settled(small)
    async with small.session() as session:
        assert await session.scalar(select(Note.text)) is None


async def test_a_connection_that_is_lost_when_it_is_given_back_fails_no_request(
    postgres_settings: DatabaseSettings, caplog: pytest.LogCaptureFixture
) -> None:
    app = FastAPI()
    async with postgres_settings.runtime as runtime:

        @app.get("/")
        async def route(session: Annotated[AsyncSession, Depends(runtime.dependency)]) -> str:
            number = await session.scalar(text("SELECT pg_backend_pid()"))
            async with runtime.session() as other:
                await other.execute(text("SELECT pg_terminate_backend(:number)"), {"number": number})
            return "done"

        async with _served(app) as client:
            for _ in range(3):
                assert (await client.get("/")).json() == "done"
        assert await _settled(runtime)
        await runtime.ping()
    assert [record.levelno for record in caplog.records if record.levelno > logging.WARNING] == []
