"""Sign-in, sessions, scopes and hooks for FastAPI applications.

The settings of providers load when they are first named: an application pays for those that it uses.
"""

from typing import TYPE_CHECKING, Any

from auth import _guard as _guard  # first of all: nothing below works with someone else's `proto`
from auth.core.auth import Auth
from auth.core.client import AuthClient
from auth.core.exceptions import (
    AdapterError,
    AuthenticationError,
    AuthorizationError,
    BelgieError,
    ConfigurationError,
    ConflictError,
    CrossOriginError,
    HookError,
    InvalidStateError,
    InvalidValueError,
    LastAccountError,
    NotFoundError,
    OAuthError,
    ReauthenticationError,
    SessionExpiredError,
    UnavailableError,
)
from auth.core.hooks import HookContext, HookRunner, Hooks
from auth.core.linking import LinkingPolicy
from auth.core.middleware import SameOriginMiddleware
from auth.core.settings import AuthSettings, CookieSettings, HTTPSettings, SessionSettings, URLSettings
from auth.session.manager import SessionManager
from auth.utils.scopes import has_any_scope, parse_scopes, validate_scopes

if TYPE_CHECKING:
    from auth.providers import GoogleProviderSettings, OIDCProviderSettings

_PROVIDERS = frozenset({"GoogleProviderSettings", "OIDCProviderSettings"})

__all__ = [
    "AdapterError",
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
    if name in _PROVIDERS:
        from auth import providers  # noqa: PLC0415  loads on use, as the module says

        return getattr(providers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
