"""A database that did not answer, told to the client of a request: 503 with `Retry-After`, or close code 1013.

Imported when a request has failed, and not before: `belgie.alchemy` works without Starlette.
"""

import logging
from collections.abc import Iterable, Mapping
from traceback import walk_tb
from typing import Any, Final

from starlette.exceptions import HTTPException, WebSocketException

from belgie.alchemy.errors import is_unmigrated, translate
from proto import UnavailableError

__all__ = ["RequestUnavailableError", "answer_to"]

_RETRY_AFTER_SECONDS: Final = "5"
_SERVICE_UNAVAILABLE: Final = 503  # RFC 9110, section 15.6.4
_TRY_AGAIN_LATER: Final = 1013  # registered with IANA for WebSockets
_logger = logging.getLogger("belgie.alchemy")


class RequestUnavailableError(UnavailableError, HTTPException):
    """Both errors in one: a handler for `UnavailableError` gets it, or else the one for `HTTPException`."""

    def __init__(self) -> None:
        HTTPException.__init__(self, _SERVICE_UNAVAILABLE, self.code, {"Retry-After": _RETRY_AFTER_SECONDS})


def answer_to(error: BaseException, scope: Mapping[str, Any]) -> Exception | None:
    """Return what to raise in place of `error` so that the client is told to try again, or None to let `error` go on.

    None where the error means anything else, and where the application handles its kind by itself. What is answered is
    logged with its cause, which nothing else shows any more.

    Args:
        error: what left the route or one of its dependencies.
        scope: the ASGI scope of the request or the WebSocket.
    """
    if not isinstance(translate(error), UnavailableError) or is_unmigrated(error) or not _of_database(error):
        return None
    handlers: Iterable[object] = getattr(scope.get("app"), "exception_handlers", ())
    if any(kind in handlers for kind in type(error).__mro__ if kind is not Exception):
        return None
    _logger.error("a request failed because the database did not answer, or not in time", exc_info=error)
    if scope.get("type") == "websocket":
        return WebSocketException(_TRY_AGAIN_LATER, UnavailableError.code)
    return RequestUnavailableError()


def _of_database(error: BaseException) -> bool:
    """Tell a connection that could not be made apart from a file that the route did not find: both are `OSError`."""
    if not isinstance(error, OSError):
        return True
    modules = (str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__))
    return any(module.startswith("sqlalchemy.") for module in modules)
