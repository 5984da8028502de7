"""Sign-in providers. Each is imported when it is first named."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth.providers.apple import AppleProviderSettings
    from auth.providers.client import ClientSettings
    from auth.providers.context import ProviderContext, ProviderSettingsProtocol
    from auth.providers.discord import DiscordProviderSettings
    from auth.providers.facebook import FacebookProviderSettings
    from auth.providers.github import GitHubProviderSettings
    from auth.providers.gitlab import GitLabProviderSettings
    from auth.providers.google import GoogleProviderSettings
    from auth.providers.http import ProviderHTTP, ProviderResponse
    from auth.providers.id_token import IdToken
    from auth.providers.linkedin import LinkedInProviderSettings
    from auth.providers.microsoft import MicrosoftProviderSettings
    from auth.providers.oauth2 import Endpoints, OAuth2Provider, OAuth2ProviderSettings
    from auth.providers.oidc import OIDCProvider, OIDCProviderSettings, OpenIDClientSettings, Quirks
    from auth.providers.profile import clean_image, clean_name, clean_subject, clean_text
    from auth.providers.protocols import (
        AuthorizationRequest,
        CodeExchange,
        NameInAnswerProtocol,
        Profile,
        ProviderProtocol,
        RefreshProtocol,
        TokenSet,
    )
    from auth.providers.slack import SlackProviderSettings

_MODULES = {
    "AppleProviderSettings": "apple",
    "AuthorizationRequest": "protocols",
    "ClientSettings": "client",
    "CodeExchange": "protocols",
    "DiscordProviderSettings": "discord",
    "Endpoints": "oauth2",
    "FacebookProviderSettings": "facebook",
    "GitHubProviderSettings": "github",
    "GitLabProviderSettings": "gitlab",
    "GoogleProviderSettings": "google",
    "IdToken": "id_token",
    "LinkedInProviderSettings": "linkedin",
    "MicrosoftProviderSettings": "microsoft",
    "NameInAnswerProtocol": "protocols",
    "OAuth2Provider": "oauth2",
    "OAuth2ProviderSettings": "oauth2",
    "OIDCProvider": "oidc",
    "OIDCProviderSettings": "oidc",
    "OpenIDClientSettings": "oidc",
    "Profile": "protocols",
    "ProviderContext": "context",
    "ProviderHTTP": "http",
    "ProviderProtocol": "protocols",
    "ProviderResponse": "http",
    "ProviderSettingsProtocol": "context",
    "Quirks": "oidc",
    "RefreshProtocol": "protocols",
    "SlackProviderSettings": "slack",
    "TokenSet": "protocols",
    "clean_image": "profile",
    "clean_name": "profile",
    "clean_subject": "profile",
    "clean_text": "profile",
}

__all__ = [
    "AppleProviderSettings",
    "AuthorizationRequest",
    "ClientSettings",
    "CodeExchange",
    "DiscordProviderSettings",
    "Endpoints",
    "FacebookProviderSettings",
    "GitHubProviderSettings",
    "GitLabProviderSettings",
    "GoogleProviderSettings",
    "IdToken",
    "LinkedInProviderSettings",
    "MicrosoftProviderSettings",
    "NameInAnswerProtocol",
    "OAuth2Provider",
    "OAuth2ProviderSettings",
    "OIDCProvider",
    "OIDCProviderSettings",
    "OpenIDClientSettings",
    "Profile",
    "ProviderContext",
    "ProviderHTTP",
    "ProviderProtocol",
    "ProviderResponse",
    "ProviderSettingsProtocol",
    "Quirks",
    "RefreshProtocol",
    "SlackProviderSettings",
    "TokenSet",
    "clean_image",
    "clean_name",
    "clean_subject",
    "clean_text",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
