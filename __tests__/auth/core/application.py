"""An application with a route for each dependency, behind a real server."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

import httpx
from __tests__.auth.fixtures.serving import base_url, listening_socket, serving
from fastapi import Depends, FastAPI, Security, WebSocket

from auth import (
    Auth,
    AuthClient,
    AuthenticationError,
    AuthorizationError,
    AuthSettings,
    BelgieError,
    ConfigurationError,
    ConflictError,
    HookError,
    InvalidStateError,
    InvalidValueError,
    LastAccountError,
    NotFoundError,
    SessionExpiredError,
    UnavailableError,
)
from proto import AdapterProtocol, DatabaseProtocol

SECRET = "a-secret-of-more-than-thirty-two-bytes-0"

ERRORS: dict[str, BaseException] = {
    "belgie": BelgieError("canary"),
    "not-found": NotFoundError("canary"),
    "unknown-provider": NotFoundError("canary", code="unknown_provider"),
    "last-account": LastAccountError("canary"),
    "not-authenticated": AuthenticationError("canary"),
    "expired": SessionExpiredError("canary"),
    "scope": AuthorizationError("canary"),
    "hook": HookError("canary"),
    "state": InvalidStateError("canary"),
    "unavailable": UnavailableError("canary"),
    "conflict": ConflictError("canary"),
    "invalid-value": InvalidValueError("canary"),
    "configuration": ConfigurationError("canary"),
    "other": LookupError("canary"),
}


@dataclass
class Application:
    """The application and its address."""

    app: FastAPI
    auth: Auth[Any, Any, Any, Any]
    url: str

    def browser(self, session: Any = None, **headers: str) -> httpx.AsyncClient:
        """A browser, with the cookie of a session."""
        cookies = {} if session is None else {self.auth.session_cookie_name: self.auth.session_cookie(session)}
        return httpx.AsyncClient(base_url=self.url, cookies=cookies, headers=headers, trust_env=False)


def build(
    adapter: AdapterProtocol[Any, Any, Any, Any],
    database: DatabaseProtocol,
    url: str = "http://127.0.0.1:8000",
    **settings: Any,
) -> Application:
    """Put the application together."""
    found = AuthSettings.model_validate({"secret": SECRET, "base_url": url, **settings})
    auth: Auth[Any, Any, Any, Any] = Auth(settings=found, adapter=adapter, db=database)
    app = FastAPI()
    app.include_router(auth.router)
    _add_routes(app, auth, database)
    _add_guarded_routes(app, auth)
    _add_sockets(app, auth)
    return Application(app, auth, url)


@asynccontextmanager
async def served(
    adapter: AdapterProtocol[Any, Any, Any, Any], database: DatabaseProtocol, **settings: Any
) -> AsyncGenerator[Application]:
    """Serve the application on a free port."""
    listener = listening_socket()
    application = build(adapter, database, base_url(listener), **settings)
    async with serving(application.app, listener):
        yield application


def _add_routes(app: FastAPI, auth: Auth[Any, Any, Any, Any], database: DatabaseProtocol) -> None:
    @app.get("/user")
    async def user(user: Annotated[Any, Depends(auth.user)]) -> str:
        return user.email

    @app.get("/session")
    async def session(session: Annotated[Any, Depends(auth.session)]) -> UUID:
        return session.id

    @app.get("/optional")
    async def optional(user: Annotated[Any, Depends(auth.optional_user)]) -> str | None:
        return None if user is None else user.email

    @app.get("/client")
    async def client(client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)]) -> bool:
        return isinstance(client, AuthClient)

    @app.get("/everything")
    async def everything(
        user: Annotated[Any, Depends(auth.user)],
        optional: Annotated[Any, Depends(auth.optional_user)],
        session: Annotated[Any, Depends(auth.session)],
        client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)],
        db: Annotated[Any, Depends(database.dependency)],
    ) -> dict[str, bool]:
        return {
            "one connection": client.db is db,
            "one user": optional is user and await client.get_user_from_session(session.id) is user,
            "one owner": session.user_id == user.id,
        }

    @app.get("/errors/{name}")
    async def errors(name: str, client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)]) -> None:
        raise ERRORS[name]


def _add_guarded_routes(app: FastAPI, auth: Auth[Any, Any, Any, Any]) -> None:
    @app.get("/admin")
    async def admin(user: Annotated[Any, Security(auth.user, scopes=["admin"])]) -> str:
        return user.email

    async def reader(user: Annotated[Any, Security(auth.user, scopes=["read"])]) -> Any:
        return user

    @app.get("/admin-reader")
    async def admin_reader(user: Annotated[Any, Security(reader, scopes=["admin"])]) -> str:
        return user.email

    @app.get("/fresh")
    async def fresh(user: Annotated[Any, Depends(auth.fresh(60))]) -> str:
        return user.email

    @app.post("/change", dependencies=[Depends(auth.same_origin)])
    async def change() -> str:
        return "changed"


def _add_sockets(app: FastAPI, auth: Auth[Any, Any, Any, Any]) -> None:
    @app.websocket("/socket")
    async def socket(websocket: WebSocket, user: Annotated[Any, Depends(auth.user)]) -> None:
        await websocket.accept()
        await websocket.send_text(user.email)
        await websocket.close()

    @app.websocket("/socket/admin")
    async def admin_socket(websocket: WebSocket, user: Annotated[Any, Security(auth.user, scopes=["admin"])]) -> None:
        await websocket.accept()
        await websocket.send_text(user.email)
        await websocket.close()

    @app.websocket("/socket/optional")
    async def optional_socket(websocket: WebSocket, user: Annotated[Any, Depends(auth.optional_user)]) -> None:
        await websocket.accept()
        await websocket.send_text("nobody" if user is None else user.email)
        await websocket.close()

    @app.websocket("/socket/client")
    async def client_socket(
        websocket: WebSocket,
        client: Annotated[AuthClient[Any, Any, Any, Any], Depends(auth)],
        session: Annotated[Any, Depends(auth.session)],
    ) -> None:
        await websocket.accept()
        async for _ in websocket.iter_text():
            user = await client.get_user_from_session(session.id)
            await websocket.send_text("nobody" if user is None else user.email)
