"""How a provider's settings become a provider."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from auth.providers.http import ProviderHTTP
from auth.providers.protocols import ProviderProtocol
from auth.utils.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderContext:
    """What `Auth` gives to a provider's settings.

    Attributes:
        provider_id: the id in the URLs.
        http: the client for requests to the provider.
        clock: what time it is.
    """

    provider_id: str
    http: ProviderHTTP
    clock: Clock


@runtime_checkable
class ProviderSettingsProtocol(Protocol):
    """Settings that can make their provider."""

    @property
    def redirect_uri(self) -> str | None:
        """Where the provider sends the browser back; None for `{base_url}/auth/provider/{id}/callback`."""
        ...

    def make_provider(self, context: ProviderContext) -> ProviderProtocol:
        """Return the provider.

        Raises:
            ConfigurationError: the settings do not fit together.
        """
        ...
