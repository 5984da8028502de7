"""Requests that change something must come from the application's own pages."""

from collections.abc import Iterable
from typing import Final

from starlette.requests import HTTPConnection

from auth.core.exceptions import CrossOriginError
from auth.utils.urls import Origin, split_url

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})


class OriginPolicy:
    """Tells the application's own requests from those that another site makes a browser send.

    An `Origin` must be ours or trusted. Without one `Sec-Fetch-Site` must be `same-origin` or `none`, and without that
    a `Referer` must be ours or trusted. A request with none of them comes from no browser, carries nobody's cookies
    by accident, and passes; unless `strict`.

    Args:
        own: the application's own origin.
        trusted: further origins.
        strict: refuse what carries none of the three headers.
    """

    def __init__(self, own: Origin, trusted: Iterable[Origin] = (), *, strict: bool = False) -> None:
        self._allowed = frozenset({own, *trusted})
        self._strict = strict

    def check(self, connection: HTTPConnection) -> None:
        """Let a request pass that changes nothing, or that is the application's own.

        Raises:
            CrossOriginError: another site made it.
        """
        is_websocket = connection.scope["type"] == "websocket"
        if not is_websocket and connection.scope["method"] in _SAFE_METHODS:
            return
        self.check_source(connection)

    def check_source(self, connection: HTTPConnection) -> None:
        """Do as `check`, whatever the method."""
        headers = connection.headers
        if origins := headers.getlist("origin"):
            allowed = len(origins) == 1 and self._is_allowed(origins[0])
        elif sites := headers.getlist("sec-fetch-site"):
            allowed = len(sites) == 1 and sites[0] in _OWN_SITES
        elif referers := headers.getlist("referer"):
            allowed = len(referers) == 1 and self._is_allowed(referers[0])
        else:
            allowed = not self._strict
        if not allowed:
            raise CrossOriginError("the request came from another site")

    def _is_allowed(self, url: str) -> bool:
        try:
            return split_url(url)[0] in self._allowed
        except ValueError:
            return False


def check_navigation(connection: HTTPConnection) -> None:
    """Let only a navigation of the whole page come from another site: not an image, a frame or a script.

    Raises:
        CrossOriginError: another site embedded or fetched the address.
    """
    headers = connection.headers
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-dest") != "document":
        raise CrossOriginError("a sign-in starts with a navigation")
