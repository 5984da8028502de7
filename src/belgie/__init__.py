"""belgie: the authentication toolkit for FastAPI.

`import belgie` is light: a name loads its package on first use, so that models and scripts do not pay for FastAPI,
nor a service without a database for SQLAlchemy. `belgie.proto` has the protocols, `belgie.auth` sign-in and sessions,
`belgie.alchemy` the models, the database settings and the adapter.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from belgie import _guard as _guard  # first of all: nothing below works with someone else's `proto`

if TYPE_CHECKING:
    from auth import (
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
    from belgie.alchemy import (
        AccountMixin,
        AlchemyAdapter,
        Base,
        DatabaseRuntime,
        DatabaseSettings,
        DateTimeUTC,
        OAuthStateMixin,
        PostgresSettings,
        PrimaryKeyMixin,
        Scopes,
        SessionMixin,
        SqliteSettings,
        TimestampMixin,
        UserMixin,
    )

__all__ = [
    "AccountMixin",
    "AlchemyAdapter",
    "Auth",
    "AuthClient",
    "AuthSettings",
    "AuthenticationError",
    "AuthorizationError",
    "Base",
    "BelgieError",
    "ConfigurationError",
    "CookieSettings",
    "DatabaseRuntime",
    "DatabaseSettings",
    "DateTimeUTC",
    "GoogleProviderSettings",
    "HookContext",
    "HookRunner",
    "Hooks",
    "InvalidStateError",
    "OAuthError",
    "OAuthStateMixin",
    "OIDCProviderSettings",
    "PostgresSettings",
    "PrimaryKeyMixin",
    "Scopes",
    "SessionExpiredError",
    "SessionManager",
    "SessionMixin",
    "SessionSettings",
    "SqliteSettings",
    "TimestampMixin",
    "URLSettings",
    "UserMixin",
    "has_any_scope",
    "parse_scopes",
    "validate_scopes",
]

# Where a name lives that is not of `belgie.auth`.
_HOMES: Final = {
    "BelgieError": "belgie.proto",
    **dict.fromkeys(
        (
            "AccountMixin",
            "AlchemyAdapter",
            "Base",
            "DatabaseRuntime",
            "DatabaseSettings",
            "DateTimeUTC",
            "OAuthStateMixin",
            "PostgresSettings",
            "PrimaryKeyMixin",
            "Scopes",
            "SessionMixin",
            "SqliteSettings",
            "TimestampMixin",
            "UserMixin",
        ),
        "belgie.alchemy",
    ),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(import_module(_HOMES.get(name, "belgie.auth")), name)
    globals()[name] = value  # the next use asks nobody
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
