"""The errors of `auth`, each with a stable code.

BelgieError                        (proto)
├── AdapterError                   (proto: the store)
├── ConfigurationError             the application is put together wrong
├── AuthenticationError            nobody is signed in
│   └── SessionExpiredError        somebody was
├── AuthorizationError             signed in, but not allowed
│   ├── CrossOriginError           the request came from another site
│   └── ReauthenticationError      the sign-in is too long ago
├── NotFoundError                  no such provider, session or account
├── HookError                      a hook of the application refused
├── LastAccountError               the only way to sign in would go
└── OAuthError                     a sign-in failed; `code` says how
    └── InvalidStateError          ... because its state is not open in this browser
"""

from proto import AdapterError, BelgieError, ConflictError, InvalidValueError, UnavailableError

__all__ = [
    "AdapterError",
    "AuthenticationError",
    "AuthorizationError",
    "BelgieError",
    "ConfigurationError",
    "ConflictError",
    "CrossOriginError",
    "HookError",
    "InvalidStateError",
    "InvalidValueError",
    "LastAccountError",
    "NotFoundError",
    "OAuthError",
    "ReauthenticationError",
    "SessionExpiredError",
    "UnavailableError",
]


class ConfigurationError(BelgieError):
    """The application is put together wrong; raised while it starts, never during a request."""

    code = "configuration_error"


class AuthenticationError(BelgieError):
    """Nobody is signed in."""

    code = "not_authenticated"


class SessionExpiredError(AuthenticationError):
    """The session that the browser showed has expired. Over HTTP this is `not_authenticated`, like any other."""

    code = "session_expired"


class AuthorizationError(BelgieError):
    """The user is signed in and lacks what the operation needs."""

    code = "insufficient_scope"


class CrossOriginError(AuthorizationError):
    """A request that changes something came from another site."""

    code = "csrf"


class ReauthenticationError(AuthorizationError):
    """The operation needs a more recent sign-in."""

    code = "reauthentication_required"


class NotFoundError(BelgieError):
    """What was named is not there, or is not the caller's."""

    code = "not_found"

    def __init__(self, message: str, *, code: str = "not_found") -> None:
        super().__init__(message)
        self.code = code


class HookError(BelgieError):
    """A hook inside a transaction failed, and undid it; what it raised is the `__cause__`."""

    code = "hook_rejected"


class LastAccountError(BelgieError):
    """The account is the user's only way to sign in, so it stays."""

    code = "last_account"


class OAuthError(BelgieError):
    """A sign-in failed.

    Args:
        code: one of `auth.core.errors.ERRORS`, which is also what the browser is told.
        message: for the developer's log. It repeats nothing that a provider or browser sent.
    """

    code = "oauth_error"

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(message or code)
        self.code = code


class InvalidStateError(OAuthError):
    """The `state` is unknown, used, expired, or belongs to another browser, provider or user."""

    code = "invalid_state"

    def __init__(self, message: str | None = None, *, code: str = "invalid_state") -> None:
        super().__init__(code, message)
