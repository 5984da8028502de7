"""Where errors become answers, and every answer gets its headers."""

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from fastapi import Request, Response, status
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from auth.core.errors import ERRORS, SECURITY_HEADERS, error_headers, public_code, to_http
from auth.core.events import log_refusal
from proto import BelgieError

_QUIET: Final = "not_authenticated"


class AuthRoute(APIRoute):
    """A route whose answers carry the security headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handler = super().get_route_handler()

        async def with_headers(request: Request) -> Response:
            response = await handler(request)
            response.headers.update(SECURITY_HEADERS)
            return response

        return with_headers


@contextmanager
def http_errors(connection: HTTPConnection, *, provider: str | None = None) -> Generator[None]:
    """Turn belgie's errors in the block into FastAPI's, by the one table, and log them."""
    try:
        yield
    except BelgieError as error:
        if public_code(error) != _QUIET:
            log_refusal(error, provider=provider)
        raise to_http(error, connection) from error


def see_other(url: str) -> RedirectResponse:
    """Return a redirect that is followed by GET, whatever the request was (RFC 9700, section 4.12)."""
    return RedirectResponse(url, status.HTTP_303_SEE_OTHER)


def failure(code: str, error_redirect: str | None) -> Response:
    """Return the answer to a sign-in that failed: a redirect with the code, or the code as JSON."""
    if error_redirect is None:
        return JSONResponse({"detail": code}, ERRORS[code].status, headers=error_headers(code))
    address, hash_mark, fragment = error_redirect.partition("#")
    separator = "&" if "?" in address else "?"
    return see_other(f"{address}{separator}error={quote(code)}{hash_mark}{fragment}")
