"""Requests to providers, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from auth.core.settings import HTTPSettings
from auth.utils.json import parse_json
from auth.utils.urls import split_url

if TYPE_CHECKING:
    from auth.providers.transport import Transport

_OK: Final = 200


@dataclass(frozen=True, slots=True)
class ProviderResponse:
    """A provider's answer: the status and the JSON object in the body, if it is one."""

    status: int
    document: Mapping[str, Any] | None = field(repr=False)
    items: list[Any] | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the status is 200."""
        return self.status == _OK


class ProviderHTTP:
    """The HTTP client for all requests to providers.

    Args:
        settings: deadline, limits and authorities.
        loopback: whether the application runs on loopback, where providers on loopback are accepted, over http too.
    """

    def __init__(self, settings: HTTPSettings, *, loopback: bool) -> None:
        self._settings = settings
        self._loopback = loopback
        self._transport: Transport | None = None

    def check_url(self, url: str) -> str:
        """Return `url` if requests and browsers may be sent there.

        Raises:
            ValueError: it is not https (or http on loopback, for an application on loopback), has user information,
                or is malformed.
        """
        origin, _ = split_url(url)
        if origin.scheme == "http" and not (self._loopback and origin.is_loopback):
            raise ValueError("expected https")
        return url

    async def get(self, url: str, *, headers: Mapping[str, str] | None = None) -> ProviderResponse:
        """Send a GET request.

        Raises:
            OAuthError: `provider_unavailable`: no answer in time, a server error, a redirect, or too large a body.
        """
        return await self._send("GET", url, headers=headers)

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
    ) -> ProviderResponse:
        """Send a form by POST.

        Raises:
            OAuthError: `provider_unavailable`, as for `get`.
        """
        return await self._send("POST", url, headers=headers, form=form)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> ProviderResponse:
        if self._transport is None:
            # httpx takes a third of the time that importing all of this takes, and nobody needs it before a sign-in.
            from auth.providers.transport import Transport  # noqa: PLC0415

            self._transport = Transport(self._settings, self.check_url, loopback=self._loopback)
        all_headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "belgie",
            **(headers or {}),
        }
        return _parse(*await self._transport.send(method, url, all_headers, form))


def _parse(status: int, body: bytes) -> ProviderResponse:
    try:
        parsed = parse_json(body)
    except ValueError:
        return ProviderResponse(status, None)
    if isinstance(parsed, dict):
        return ProviderResponse(status, cast("dict[str, Any]", parsed))
    return ProviderResponse(status, None, cast("list[Any]", parsed) if isinstance(parsed, list) else None)
