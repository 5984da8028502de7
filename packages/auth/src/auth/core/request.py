"""What a request says of where it comes from."""

import re
from ipaddress import ip_address
from typing import Final

from starlette.requests import HTTPConnection

_MAXIMUM_USER_AGENT: Final = 512
_NOT_PRINTABLE: Final = re.compile(r"[^\x20-\x7e]")


def client_address(connection: HTTPConnection, trusted_proxies: int) -> str | None:
    """Return the client's IP address.

    Args:
        connection: the request.
        trusted_proxies: how many proxies append to `X-Forwarded-For`: so many entries from the right are true, and the
            leftmost of those is the client. With 0 the header is not looked at, since anybody can send it.
    """
    if trusted_proxies:
        entries = [entry.strip() for line in connection.headers.getlist("x-forwarded-for") for entry in line.split(",")]
        candidate = entries[-trusted_proxies] if len(entries) >= trusted_proxies else ""
    else:
        candidate = connection.client.host if connection.client is not None else ""
    try:
        return str(ip_address(candidate))
    except ValueError:
        return None


def user_agent(connection: HTTPConnection) -> str | None:
    """Return the client's name for itself, printable and at most 512 characters long."""
    value = connection.headers.get("user-agent")
    return _NOT_PRINTABLE.sub("?", value[:_MAXIMUM_USER_AGENT]) if value else None
