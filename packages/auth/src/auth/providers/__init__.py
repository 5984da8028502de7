"""Sign-in providers. Each is imported when it is first named."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth.providers.context import ProviderContext, ProviderSettingsProtocol
    from auth.providers.google import GoogleProviderSettings
    from auth.providers.oidc import OIDCProvider, OIDCProviderSettings
    from auth.providers.protocols import (
        AuthorizationRequest,
        CodeExchange,
        Profile,
        ProviderProtocol,
        TokenSet,
    )

_MODULES = {
    "AuthorizationRequest": "protocols",
    "CodeExchange": "protocols",
    "GoogleProviderSettings": "google",
    "OIDCProvider": "oidc",
    "OIDCProviderSettings": "oidc",
    "Profile": "protocols",
    "ProviderContext": "context",
    "ProviderProtocol": "protocols",
    "ProviderSettingsProtocol": "context",
    "TokenSet": "protocols",
}

__all__ = [
    "AuthorizationRequest",
    "CodeExchange",
    "GoogleProviderSettings",
    "OIDCProvider",
    "OIDCProviderSettings",
    "Profile",
    "ProviderContext",
    "ProviderProtocol",
    "ProviderSettingsProtocol",
    "TokenSet",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
