import asyncio
import inspect
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Annotated, Any

import httpx
import pytest
import uvicorn
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, WebSocket
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from belgie.alchemy.runtime import Connections
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


async def _texts(runtime: DatabaseRuntime) -> list[str]:
    async with runtime.session() as session:
        return list(await session.scalars(select(Note.text).order_by(Note.id)))


async def test_awaiting_it_outside_fastapi_says_what_to_write(small: DatabaseRuntime) -> None:
    for connection in (None, Request({"type": "http"})):
        with pytest.raises(RuntimeError, match=r"write `async for session in dependency\(\): \.\.\.`"):
            await small.dependency(connection)  # ty: ignore[invalid-await] - its type is a generator's
    assert small.connections.in_use == 0


def test_what_it_looks_like_to_who_inspects_it(sqlite_memory_settings: DatabaseSettings) -> None:
    dependency = sqlite_memory_settings.runtime.dependency
    (parameter,) = inspect.signature(dependency).parameters.values()
    assert (parameter.name, parameter.default, parameter.annotation) == ("connection", None, HTTPConnection)
    assert inspect.signature(dependency).return_annotation == AsyncGenerator[AsyncSession]
    call = getattr(dependency, "__call__", None)  # noqa: B004 - FastAPI looks at it
    assert inspect.iscoroutinefunction(call)
    assert not inspect.isasyncgenfunction(call)
    assert isinstance(dependency(), AsyncGenerator)
    assert dependency is sqlite_memory_settings.dependency
    assert {dependency: 1}[sqlite_memory_settings.runtime.dependency] == 1


async def test_it_ends_as_a_generator_ends(small: DatabaseRuntime) -> None:
    await small.dependency().aclose()
    assert small.connections == Connections(in_use=0, idle=1)

    thrown = small.dependency()
    session = await anext(thrown)
    await session.execute(insert(Note).values(text="lost"))
    with pytest.raises(ZeroDivisionError):
        await thrown.athrow(ZeroDivisionError())
    assert small.connections.in_use == 0

    closed = small.dependency()
    session = await closed.asend(None)
    await session.execute(insert(Note).values(text="kept"))
    await session.commit()
    await session.execute(insert(Note).values(text="lost"))
    await closed.aclose()
    await closed.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(closed)
    assert small.connections.in_use == 0

    async for left in small.dependency():
        await left.execute(insert(Note).values(text="lost"))
        break
    assert await _settled(small)
    assert await _texts(small) == ["kept"]


async def test_two_generators_outside_a_request_are_two_sessions(runtime: DatabaseRuntime) -> None:
    async for one in runtime.dependency():
        async for two in runtime.dependency():
            assert one is not two


async def test_a_generator_of_the_application_s_own_may_iterate_it(small: DatabaseRuntime) -> None:
    app, seen = FastAPI(), list[int]()
    app.add_middleware(Watch, runtime=small, seen=seen)

    async def own(request: Request) -> AsyncGenerator[AsyncSession]:
        async for session in small.dependency(request):
            yield session

    @app.post("/{kind}")
    async def route(
        kind: str,
        session: Annotated[AsyncSession, Depends(own)],
        same: Annotated[AsyncSession, Depends(small.dependency)],
    ) -> bool:
        session.add(Note(text=kind))
        await session.flush()
        if kind == "broken":
            raise ZeroDivisionError
        await session.commit()
        return session is same

    async with _served(app) as client:
        assert (await client.post("/one")).json() is True
        assert (await client.post("/broken")).status_code == 500
        assert (await client.post("/two")).json() is True
    assert await _settled(small)
    assert seen == [0, 0]  # the 500 is sent outside every middleware of the application
    assert await _texts(small) == ["one", "two"]


async def test_a_mounted_application_has_it_too(small: DatabaseRuntime) -> None:
    app, inner, seen = FastAPI(), FastAPI(), list[int]()
    app.add_middleware(Watch, runtime=small, seen=seen)

    @inner.post("/{kind}")
    async def route(kind: str, session: Annotated[AsyncSession, Depends(small.dependency)]) -> None:
        session.add(Note(text=kind))
        await session.flush()
        if kind == "broken":
            raise HTTPException(418)
        await session.commit()

    app.mount("/inner", inner)
    async with _served(app) as client:
        codes = [(await client.post(f"/inner/{kind}")).status_code for kind in ("one", "broken", "two")]
    assert codes == [200, 418, 200]
    assert seen == [0, 0, 0]
    assert await _settled(small)
    assert await _texts(small) == ["one", "two"]


async def test_a_middleware_that_asks_twice_gets_a_session_for_each(small: DatabaseRuntime) -> None:
    app, sessions = FastAPI(), list[AsyncSession]()

    class Retry:
        def __init__(self, app: ASGIApp) -> None:
            self.app = app

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            async def nothing(_: Message) -> None: ...

            await self.app(scope, receive, nothing)
            await self.app(scope, receive, send)

    app.add_middleware(Retry)

    @app.get("/")
    async def route(session: Annotated[AsyncSession, Depends(small.dependency)]) -> int | None:
        sessions.append(session)
        return await session.scalar(text("SELECT 1"))

    async with _served(app) as client:
        assert (await client.get("/")).json() == 1
    assert sessions[0] is not sessions[1]
    assert await _settled(small)


async def test_a_task_after_the_answer_may_use_the_session_again(small: DatabaseRuntime) -> None:
    app, seen = FastAPI(), list[int]()
    app.add_middleware(Watch, runtime=small, seen=seen)

    async def later(session: AsyncSession) -> None:
        session.add(Note(text="later"))
        await session.commit()
        session.add(Note(text="forgotten"))
        await session.flush()

    @app.post("/")
    async def route(tasks: BackgroundTasks, session: Annotated[AsyncSession, Depends(small.dependency)]) -> None:
        session.add(Note(text="now"))
        await session.commit()
        tasks.add_task(later, session)

    async with _served(app) as client:
        assert (await client.post("/")).status_code == 200
        assert await _until(lambda: seen == [0])
        assert await _settled(small)
        for _ in range(100):
            if await _texts(small) == ["now", "later"]:
                break
            await asyncio.sleep(0.01)
    assert await _settled(small)
    assert await _texts(small) == ["now", "later"]


async def test_a_generator_may_take_its_place(small: DatabaseRuntime) -> None:
    app, ended = FastAPI(), list[str]()

    async def service(session: Annotated[str, Depends(small.dependency)]) -> str:
        return f"service of {session}"

    @app.get("/")
    async def route(found: Annotated[str, Depends(service)]) -> str:
        return found

    async def replacement() -> AsyncGenerator[str]:
        yield "a generator"
        ended.append("ended")

    app.dependency_overrides[small.dependency] = replacement
    async with _served(app) as client:
        assert (await client.get("/")).json() == "service of a generator"
        app.dependency_overrides.clear()
        assert "AsyncSession object" in (await client.get("/")).json()
    assert ended == ["ended"]
    assert await _settled(small)


def test_a_websocket_that_fails_undoes_what_it_wrote(sqlite_file_settings: DatabaseSettings) -> None:
    settings = sqlite_file_settings.model_copy(update={"pool_size": 1, "max_overflow": 0, "pool_timeout": 5.0})
    runtime = settings.runtime
    app = FastAPI(lifespan=partial(runtime.lifespan, create_all=Base.metadata))

    @app.websocket("/{kind}")
    async def route(
        socket: WebSocket,
        kind: str,
        session: Annotated[AsyncSession, Depends(runtime.dependency)],
        same: Annotated[AsyncSession, Depends(runtime.dependency, scope="function")],
    ) -> None:
        await socket.accept()
        session.add(Note(text=kind))
        await same.flush()
        if kind == "broken":
            raise ZeroDivisionError
        await session.commit()
        await socket.send_json(list(await session.scalars(select(Note.text).order_by(Note.id))))
        await socket.close()

    with TestClient(app) as client:
        found: list[Any] = []
        for kind in ("one", "broken", "two"):
            with suppress(ZeroDivisionError), client.websocket_connect(f"/{kind}") as socket:
                found.append(socket.receive_json())
    assert found == [["one"], ["one", "two"]]


async def test_a_session_ends_with_the_request_where_fastapi_keeps_only_the_outer_stack(
    small: DatabaseRuntime,
) -> None:
    """The inner one has a name that FastAPI does not document."""
    async with AsyncExitStack() as stack:
        connection = HTTPConnection({"type": "http", "headers": [], "fastapi_middleware_astack": stack})
        dependency: Any = small.dependency
        session = await dependency(connection)
        await session.execute(text("SELECT 1"))
        assert await dependency(connection) is session
        assert small.connections.in_use == 1
    assert small.connections.in_use == 0
