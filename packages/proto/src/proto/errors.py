"""The root of belgie's errors, and those that an adapter promises.

BelgieError
└── AdapterError
    ├── ConflictError       the store refused a duplicate
    ├── InvalidValueError   the store cannot hold the value
    └── UnavailableError    the store did not answer
"""


class BelgieError(Exception):
    """The base of every error that belgie raises on purpose.

    `code` is a stable snake_case word for programs. The message is for developers; neither holds a secret,
    a token or an e-mail address.
    """

    code: str = "internal_error"


class AdapterError(BelgieError):
    """The adapter could not do what it was asked; nothing was half-written."""

    code = "storage_error"


class ConflictError(AdapterError):
    """The store holds such a row already: an e-mail address, an account or a state that must be unique.

    The connection is usable again when this is raised.
    """

    code = "conflict"


class InvalidValueError(AdapterError, ValueError):
    """A value that the store cannot hold, such as text with a NUL character."""

    code = "invalid_value"


class UnavailableError(AdapterError):
    """The store did not answer, or not in time; the same call may succeed later.

    `auth` answers 503 with `Retry-After`, and never treats the caller as signed out.
    """

    code = "storage_unavailable"
