"""The sign-in providers: the same objects as in `auth.providers`, each loaded when it is first named."""

from typing import TYPE_CHECKING, Any

from auth import providers as _home

if TYPE_CHECKING:
    from auth.providers import (
        AppleProviderSettings,
        AuthorizationRequest,
        ClientSettings,
        CodeExchange,
        DiscordProviderSettings,
        Endpoints,
        FacebookProviderSettings,
        GitHubProviderSettings,
        GitLabProviderSettings,
        GoogleProviderSettings,
        IdToken,
        LinkedInProviderSettings,
        MicrosoftProviderSettings,
        NameInAnswerProtocol,
        OAuth2Provider,
        OAuth2ProviderSettings,
        OIDCProvider,
        OIDCProviderSettings,
        OpenIDClientSettings,
        Profile,
        ProviderContext,
        ProviderHTTP,
        ProviderProtocol,
        ProviderResponse,
        ProviderSettingsProtocol,
        Quirks,
        RefreshProtocol,
        SlackProviderSettings,
        TokenSet,
        clean_image,
        clean_name,
        clean_subject,
        clean_text,
    )

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
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(_home, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
