"""The log of `auth`: one record for each sign-in, sign-up, refusal and sign-out, without secrets and addresses."""

import logging
from typing import Any, Final
from uuid import UUID

from auth.core.exceptions import BelgieError

logger: Final = logging.getLogger("auth")
logger.addHandler(logging.NullHandler())  # without one, Python prints warnings to an application's standard error

_MAXIMUM_TEXT: Final = 200


def log_event(event: str, *, user_id: UUID | None = None, provider: str | None = None, **more: Any) -> None:
    """Log what happened; the details are in the record's attributes `event`, `user_id`, `provider` and `more`."""
    logger.info(
        event, extra={"event": event, "user_id": str(user_id) if user_id else None, "provider": provider, **more}
    )


def log_refusal(error: BelgieError, *, provider: str | None = None) -> None:
    """Log that something was refused, with the error's code and the developer's message."""
    logger.warning(
        "refused: %s",
        error.code,
        extra={"event": "refused", "code": error.code, "provider": provider, "reason": escape(str(error))},
    )


def escape(text: str) -> str:
    """Return `text` on one line, in ASCII, without control characters, cut at 200 characters."""
    return text[:_MAXIMUM_TEXT].encode("unicode_escape").decode("ascii")[:_MAXIMUM_TEXT]
