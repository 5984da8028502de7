"""A cookie jar that does what browsers do (RFC 6265bis) and forgets no attribute."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from __tests__.auth.hostile.clock import Clock

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]", "::1"})


@dataclass(frozen=True)
class Cookie:
    """One Set-Cookie header, taken apart. Names of attributes are in lower case."""

    name: str
    value: str
    attributes: dict[str, str]

    @classmethod
    def parse(cls, header: str) -> "Cookie":
        first, *rest = header.split(";")
        name, _, value = first.partition("=")
        pairs = (part.partition("=") for part in rest)
        return cls(name.strip(), value.strip(), {key.strip().lower(): item.strip() for key, _, item in pairs})

    @property
    def path(self) -> str:
        return self.attributes.get("path", "")

    @property
    def secure(self) -> bool:
        return "secure" in self.attributes

    @property
    def http_only(self) -> bool:
        return "httponly" in self.attributes

    @property
    def same_site(self) -> str:
        return self.attributes.get("samesite", "").lower()

    def lifetime(self, now: float) -> float | None:
        """Seconds it has left when it arrives; `None` for as long as the browser runs."""
        if "max-age" in self.attributes:
            return float(self.attributes["max-age"])
        if "expires" in self.attributes:
            return parsedate_to_datetime(self.attributes["expires"]).timestamp() - now
        return None

    @property
    def removes(self) -> bool:
        """Does this header delete the cookie?"""
        return self.attributes.get("max-age", "") == "0"


@dataclass(frozen=True)
class _Kept:
    cookie: Cookie
    host: str
    path: str
    host_only: bool
    secure: bool
    expires_at: float | None


@dataclass
class Jar:
    """The cookies of one browser."""

    clock: Clock
    kept: dict[tuple[str, str, str], _Kept] = field(default_factory=dict)

    def store(self, header: str, url: str) -> None:
        """Take a Set-Cookie header that came with the answer of `url`, or drop it as a browser would."""
        cookie, place = Cookie.parse(header), urlsplit(url)
        host = (place.hostname or "").lower()
        domain = cookie.attributes.get("domain", "").lstrip(".").lower()
        trustworthy = place.scheme == "https" or host in LOOPBACK
        refused = (
            (cookie.secure and not trustworthy)
            or (cookie.name.startswith("__Secure-") and not cookie.secure)
            or (cookie.name.startswith("__Host-") and (not cookie.secure or domain != "" or cookie.path != "/"))
            or (domain not in {"", host} and not host.endswith(f".{domain}"))
            or len(cookie.name) + len(cookie.value) > 4096
        )
        if refused:
            return
        path = cookie.path if cookie.path.startswith("/") else _default_path(place.path)
        key = (cookie.name, domain or host, path)
        lifetime = cookie.lifetime(self.clock.timestamp())
        if lifetime is not None and lifetime <= 0:
            self.kept.pop(key, None)
            return
        expires_at = None if lifetime is None else self.clock.timestamp() + lifetime
        self.kept[key] = _Kept(cookie, domain or host, path, domain == "", cookie.secure, expires_at)

    def plant(self, name: str, value: str, url: str, *, path: str = "/", domain: str = "") -> None:
        """Put a cookie in, as an attacker on a sibling sub-domain or in a script could."""
        suffix = f"; Domain={domain}" if domain else ""
        self.store(f"{name}={value}; Path={path}{suffix}", url)

    def header(self, url: str) -> str:
        """The Cookie header of a request to `url`, longest path first."""
        place = urlsplit(url)
        host = (place.hostname or "").lower()
        trustworthy = place.scheme == "https" or host in LOOPBACK
        now = self.clock.timestamp()
        fitting = [
            kept
            for kept in self.kept.values()
            if (kept.host == host or (not kept.host_only and host.endswith(f".{kept.host}")))
            and _matches(place.path or "/", kept.path)
            and (trustworthy or not kept.secure)
            and (kept.expires_at is None or kept.expires_at > now)
        ]
        fitting.sort(key=lambda kept: -len(kept.path))
        return "; ".join(f"{kept.cookie.name}={kept.cookie.value}" for kept in fitting)

    def snapshot(self) -> "Jar":
        """A jar with the same cookies: a saved profile, a thief's copy."""
        return Jar(self.clock, dict(self.kept))

    def find(self, name: str) -> Cookie | None:
        return next((kept.cookie for kept in self.kept.values() if kept.cookie.name == name), None)

    def __iter__(self) -> Iterator[Cookie]:
        return iter([kept.cookie for kept in self.kept.values()])

    def __len__(self) -> int:
        return len(self.kept)


def _default_path(request_path: str) -> str:
    head, _, _ = request_path.rpartition("/")
    return head or "/"


def _matches(request_path: str, cookie_path: str) -> bool:
    if request_path == cookie_path:
        return True
    return request_path.startswith(cookie_path) and (cookie_path.endswith("/") or request_path[len(cookie_path)] == "/")
