"""A provider's description and its keys, fetched when needed and kept for an hour."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from auth.core.exceptions import OAuthError
from auth.providers.context import ProviderContext
from auth.utils.clock import Clock

_LIFETIME: Final = timedelta(hours=1)
_REFETCH_AFTER: Final = timedelta(minutes=1)
_MAXIMUM_KEYS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderMetadata:
    """What an OpenID provider says of itself (OpenID Connect Discovery 1.0, section 3), as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    token_endpoint_auth_methods: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods: tuple[str, ...] | None = None
    issuer_in_response: bool = False


class _Cached[T]:
    """A value that one fetch gets for all who want it at the time; they share its failure, too."""

    def __init__(self, fetch: Callable[[], Coroutine[Any, Any, T]], clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._pending: asyncio.Task[T] | None = None
        self._value: T | None = None
        self._fetched_at: datetime | None = None

    async def get(self, *, at_most: timedelta = _LIFETIME) -> T:
        """Return the value, fetched at most that long ago."""
        if self._value is not None and self._fetched_at is not None and self._clock() - self._fetched_at < at_most:
            return self._value
        if self._pending is None:
            self._pending = asyncio.create_task(self._fetch())
            self._pending.add_done_callback(self._keep)
        # who stops waiting does not stop the fetch for the others
        return await asyncio.shield(self._pending)

    def _keep(self, task: asyncio.Task[T]) -> None:
        self._pending = None
        if not task.cancelled() and task.exception() is None:
            self._value, self._fetched_at = task.result(), self._clock()


class Discovery:
    """The description and the keys of one issuer.

    Args:
        context: the client and the clock.
        issuer: the issuer, exactly as the description must name it.
        expected_issuer: what the description's `issuer` must be, where that differs from the address it is fetched
            from (Microsoft's multi-tenant description holds a placeholder).
    """

    def __init__(self, context: ProviderContext, issuer: str, *, expected_issuer: str | None = None) -> None:
        self._context = context
        self._issuer = issuer
        self._expected_issuer = expected_issuer or issuer
        self._metadata = _Cached(self._fetch_metadata, context.clock)
        self._keys = _Cached(self._fetch_keys, context.clock)

    async def metadata(self) -> ProviderMetadata:
        """Return the provider's description.

        Raises:
            OAuthError: `provider_unavailable`, or `provider_misconfigured` if it is not acceptable.
        """
        return await self._metadata.get()

    async def keys(self) -> list[Mapping[str, Any]]:
        """Return the provider's keys (RFC 7517).

        Raises:
            OAuthError: `provider_unavailable`, or `provider_misconfigured` if it is not acceptable.
        """
        return await self._keys.get()

    async def newer_keys(self) -> list[Mapping[str, Any]]:
        """Return the keys, fetched again unless that happened within the last minute."""
        return await self._keys.get(at_most=_REFETCH_AFTER)

    async def _fetch_metadata(self) -> ProviderMetadata:
        response = await self._context.http.get(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        document = response.document
        if not response.ok or document is None:
            raise OAuthError("provider_unavailable", "no description at the issuer's address")
        if document.get("issuer") != self._expected_issuer:
            raise _misconfigured("the description names another issuer")
        return ProviderMetadata(
            issuer=self._expected_issuer,
            authorization_endpoint=self._endpoint(document, "authorization_endpoint"),
            token_endpoint=self._endpoint(document, "token_endpoint"),
            jwks_uri=self._endpoint(document, "jwks_uri"),
            userinfo_endpoint=(
                self._endpoint(document, "userinfo_endpoint") if "userinfo_endpoint" in document else None
            ),
            token_endpoint_auth_methods=_texts(document, "token_endpoint_auth_methods_supported")
            or ("client_secret_basic",),
            code_challenge_methods=_texts(document, "code_challenge_methods_supported"),
            issuer_in_response=document.get("authorization_response_iss_parameter_supported") is True,
        )

    async def _fetch_keys(self) -> list[Mapping[str, Any]]:
        metadata = await self.metadata()
        response = await self._context.http.get(metadata.jwks_uri)
        document = response.document if response.ok else None
        keys = _items(document, "keys") if document is not None else None
        if keys is None or len(keys) > _MAXIMUM_KEYS:
            raise OAuthError("provider_unavailable", f"expected a JWK set of at most {_MAXIMUM_KEYS} keys")
        return [cast("dict[str, Any]", key) for key in keys if isinstance(key, dict)]

    def _endpoint(self, document: Mapping[str, Any], name: str) -> str:
        url = document.get(name)
        try:
            return self._context.http.check_url(url if isinstance(url, str) else "")
        except ValueError as error:
            raise _misconfigured(f"{name} is not an acceptable URL: {error}") from None


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    items = _items(document, name)
    return None if items is None else tuple(str(one) for one in items)


def _items(document: Mapping[str, Any], name: str) -> list[object] | None:
    value = document.get(name)
    return cast("list[object]", value) if isinstance(value, list) else None


def _misconfigured(message: str) -> OAuthError:
    return OAuthError("provider_misconfigured", message)
