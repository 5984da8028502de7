"""Origins and the way back: which addresses a browser may be sent to."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final, NamedTuple
from urllib.parse import unquote

_ABSOLUTE: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<rest>[/?#].*)?",
)
_PLAIN: Final = re.compile(r"[\x21-\x7e]{1,2048}")
_CONTROL_OR_BACKSLASH: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\\]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_MAXIMUM_PORT: Final = 65535


class Origin(NamedTuple):
    """Scheme, host and port: what the same-origin rule compares (RFC 6454)."""

    scheme: str
    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether the host is this machine, by name or address."""
        return is_loopback_host(self.host)

    def __str__(self) -> str:
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def is_loopback_host(host: str) -> bool:
    """Whether `host` is `localhost`, an address in 127.0.0.0/8 or `[::1]`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def split_url(url: str) -> tuple[Origin, str]:
    """Return the origin of an absolute http or https URL, and what follows it.

    Raises:
        ValueError: anything else, among it user information, upper case, an empty or oversized port,
            a trailing dot, white space, backslashes and control characters, however encoded.
    """
    match = _ABSOLUTE.fullmatch(url) if _is_plain(url) else None
    if match is None:
        message = (
            "expected an absolute URL such as https://app.example/path, in lower case and without user information"
        )
        raise ValueError(message)
    scheme = match["scheme"]
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    if port > _MAXIMUM_PORT:
        raise ValueError("expected a port from 1 to 65535")
    return Origin(scheme, match["host"], port), match["rest"] or ""


def parse_origin(url: str) -> Origin:
    """Return the origin of `url`, which must be an origin and nothing else (one closing slash is forgiven).

    Raises:
        ValueError: it is no origin.
    """
    origin, rest = split_url(url)
    if rest not in {"", "/"}:
        raise ValueError("expected scheme, host and port only, such as https://app.example")
    return origin


class RedirectPolicy:
    """Decides where a browser may be sent.

    Args:
        own: the application's own origin.
        trusted: further origins that may be named in full.
        reserved: the path of the sign-in routes; nobody is sent back into them, which could loop.
    """

    def __init__(self, own: Origin, trusted: Iterable[Origin] = (), reserved: str = "/auth") -> None:
        self._allowed = frozenset({own, *trusted})
        self._reserved = reserved

    def is_allowed(self, target: str) -> bool:
        """Whether `target` is a path of the application, or an absolute URL at an allowed origin."""
        if not _is_plain(target):
            return False
        if target.startswith("/"):
            return _is_plain_path(target)
        try:
            origin, rest = split_url(target)
        except ValueError:
            return False
        return origin in self._allowed and (not rest.startswith("/") or _is_plain_path(rest))

    def is_reserved(self, target: str) -> bool:
        """Whether an allowed `target` leads back into the sign-in routes."""
        path = target if target.startswith("/") else split_url(target)[1]
        for spelling in _spellings(_path_of(path)):
            lowered = spelling.lower()
            if lowered == self._reserved or lowered.startswith((f"{self._reserved}/", f"{self._reserved};")):
                return True
        return False


def _is_plain(target: str) -> bool:
    """Whether `target` is printable ASCII without blanks and backslashes, and still is when decoded twice."""
    return _PLAIN.fullmatch(target) is not None and not any(
        _CONTROL_OR_BACKSLASH.search(spelling) for spelling in _spellings(target)
    )


def _is_plain_path(target: str) -> bool:
    """Whether the path part cannot be read as a host or climb out of itself, when decoded up to twice."""
    return all(
        "//" not in path and not any(segment in {".", ".."} for segment in path.split("/"))
        for path in _spellings(_path_of(target))
    )


def _spellings(text: str) -> tuple[str, str, str]:
    """Return `text` and what a proxy makes of it by decoding it once and twice."""
    once = unquote(text, errors="replace")
    return text, once, unquote(once, errors="replace")


def _path_of(target: str) -> str:
    return re.split(r"[?#]", target, maxsplit=1)[0]
