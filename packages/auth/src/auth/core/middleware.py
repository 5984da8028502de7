"""The same-origin rule for a whole application."""

from typing import TYPE_CHECKING, Any

from fastapi import status
from fastapi.responses import JSONResponse
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from auth.core.errors import ERRORS, error_headers
from auth.core.events import log_refusal
from auth.core.exceptions import CrossOriginError

if TYPE_CHECKING:
    from auth.core.auth import Auth


class SameOriginMiddleware:
    """Lets only the application's own pages send requests that change something, or open WebSockets.

    `app.add_middleware(SameOriginMiddleware, auth=auth)`. Other sites get 403 `csrf`; their WebSockets are closed with
    1008 before they are accepted. A callback that a provider answers by POST (`response_mode=form_post`) passes:
    it comes from another site by design, and the flow's own checks protect it.

    Args:
        app: the application.
        auth: whose origins are the application's own.
    """

    def __init__(self, app: ASGIApp, *, auth: "Auth[Any, Any, Any, Any]") -> None:
        self._app = app
        self._auth = auth

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it."""
        if scope["type"] in {"http", "websocket"} and scope["path"] not in self._auth.cross_site_paths:
            try:
                self._auth.origins.check(HTTPConnection(scope))
            except CrossOriginError as error:
                log_refusal(error)
                await _refuse(error.code, scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _refuse(code: str, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": status.WS_1008_POLICY_VIOLATION, "reason": code})
        return
    response = JSONResponse({"detail": code}, ERRORS[code].status, headers=error_headers(code))
    await response(scope, receive, send)
