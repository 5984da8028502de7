"""Sign-in, sessions, scopes and hooks: the same objects as in `auth`, and the adapter for SQLAlchemy."""

from typing import TYPE_CHECKING, Any

from belgie._guard import require

require("auth")

from auth import (  # noqa: E402  only now is it known whose `auth` that is
    Auth,
    AuthClient,
    AuthenticationError,
    AuthorizationError,
    AuthSettings,
    BelgieError,
    ConfigurationError,
    CookieSettings,
    GoogleProviderSettings,
    HookContext,
    HookRunner,
    Hooks,
    InvalidStateError,
    OAuthError,
    OIDCProviderSettings,
    SessionExpiredError,
    SessionManager,
    SessionSettings,
    URLSettings,
    has_any_scope,
    parse_scopes,
    validate_scopes,
)

if TYPE_CHECKING:
    from belgie.alchemy import AlchemyAdapter

__all__ = [
    "AlchemyAdapter",
    "Auth",
    "AuthClient",
    "AuthSettings",
    "AuthenticationError",
    "AuthorizationError",
    "BelgieError",
    "ConfigurationError",
    "CookieSettings",
    "GoogleProviderSettings",
    "HookContext",
    "HookRunner",
    "Hooks",
    "InvalidStateError",
    "OAuthError",
    "OIDCProviderSettings",
    "SessionExpiredError",
    "SessionManager",
    "SessionSettings",
    "URLSettings",
    "has_any_scope",
    "parse_scopes",
    "validate_scopes",
]


def __getattr__(name: str) -> Any:
    if name != "AlchemyAdapter":
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from belgie.alchemy import AlchemyAdapter  # noqa: PLC0415  SQLAlchemy is for those who use it

    globals()[name] = AlchemyAdapter
    return AlchemyAdapter


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
