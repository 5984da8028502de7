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
    from belgie.alchemy import (
        NAMING_CONVENTION,
        AccountMixin,
        AlchemyAdapter,
        Base,
        DatabaseRuntime,
        Databases,
        DatabaseSettings,
        DateTimeUTC,
        OAuthStateMixin,
        PostgresSettings,
        PrimaryKeyMixin,
        ReplicaSettings,
        ScopeList,
        Scopes,
        SessionMixin,
        SqliteSettings,
        TimestampMixin,
        UserMixin,
    )

__all__ = [
    "NAMING_CONVENTION",
    "AccountMixin",
    "AdapterError",
    "AlchemyAdapter",
    "Auth",
    "AuthClient",
    "AuthSettings",
    "AuthenticationError",
    "AuthorizationError",
    "Base",
    "BelgieError",
    "ConfigurationError",
    "ConflictError",
    "CookieSettings",
    "CrossOriginError",
    "DatabaseRuntime",
    "DatabaseSettings",
    "Databases",
    "DateTimeUTC",
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
    "OAuthStateMixin",
    "OIDCProviderSettings",
    "PostgresSettings",
    "PrimaryKeyMixin",
    "ReauthenticationError",
    "ReplicaSettings",
    "SameOriginMiddleware",
    "ScopeList",
    "Scopes",
    "SessionExpiredError",
    "SessionManager",
    "SessionMixin",
    "SessionSettings",
    "SqliteSettings",
    "TimestampMixin",
    "URLSettings",
    "UnavailableError",
    "UserMixin",
    "has_any_scope",
    "parse_scopes",
    "validate_scopes",
]

# Where the names live that are not of `belgie.auth`.
_PROTO: Final = frozenset({"AdapterError", "BelgieError", "ConflictError", "InvalidValueError", "UnavailableError"})
_ALCHEMY: Final = frozenset(
    {
        "NAMING_CONVENTION",
        "AccountMixin",
        "AlchemyAdapter",
        "Base",
        "DatabaseRuntime",
        "DatabaseSettings",
        "Databases",
        "DateTimeUTC",
        "OAuthStateMixin",
        "PostgresSettings",
        "PrimaryKeyMixin",
        "ReplicaSettings",
        "ScopeList",
        "Scopes",
        "SessionMixin",
        "SqliteSettings",
        "TimestampMixin",
        "UserMixin",
    }
)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    home = "belgie.proto" if name in _PROTO else "belgie.alchemy" if name in _ALCHEMY else "belgie.auth"
    value = getattr(import_module(home), name)
    globals()[name] = value  # the next use asks nobody
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
