"""Sign-in, sessions, scopes and hooks: the same objects as in `auth`, and the adapter for SQLAlchemy.

What `auth` loads on first use is loaded on first use here, and SQLAlchemy only for the adapter.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from belgie._guard import require

require("auth")

import auth as _auth  # noqa: E402  only now is it known whose `auth` that is

if TYPE_CHECKING:
    from auth import (
        AdapterError,
        Auth,
        AuthClient,
        AuthenticationError,
        AuthorizationError,
        AuthSettings,
        BelgieError,
        ConfigurationError,
        ConflictError,
        CookieSettings,
        CrossOriginError,
        GoogleProviderSettings,
        HookContext,
        HookError,
        HookRunner,
        Hooks,
        HTTPSettings,
        InvalidStateError,
        InvalidValueError,
        LastAccountError,
        LinkingPolicy,
        NotFoundError,
        OAuthError,
        OIDCProviderSettings,
        ReauthenticationError,
        SameOriginMiddleware,
        SessionExpiredError,
        SessionManager,
        SessionSettings,
        UnavailableError,
        URLSettings,
        has_any_scope,
        parse_scopes,
        validate_scopes,
    )
    from belgie.alchemy import AlchemyAdapter

__all__ = [
    "AdapterError",
    "AlchemyAdapter",
    "Auth",
    "AuthClient",
    "AuthSettings",
    "AuthenticationError",
    "AuthorizationError",
    "BelgieError",
    "ConfigurationError",
    "ConflictError",
    "CookieSettings",
    "CrossOriginError",
    "GoogleProviderSettings",
    "HTTPSettings",
    "HookContext",
    "HookError",
    "HookRunner",
    "Hooks",
    "InvalidStateError",
    "InvalidValueError",
    "LastAccountError",
    "LinkingPolicy",
    "NotFoundError",
    "OAuthError",
    "OIDCProviderSettings",
    "ReauthenticationError",
    "SameOriginMiddleware",
    "SessionExpiredError",
    "SessionManager",
    "SessionSettings",
    "URLSettings",
    "UnavailableError",
    "has_any_scope",
    "parse_scopes",
    "validate_scopes",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home = import_module("belgie.alchemy") if name == "AlchemyAdapter" else _auth
    value = getattr(home, name)
    globals()[name] = value  # the next use asks nobody
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
