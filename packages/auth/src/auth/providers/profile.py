"""What of a provider's claims is kept, and how much of it."""

import unicodedata
from typing import Final

from auth.core.exceptions import OAuthError
from auth.utils.urls import split_url

_MAXIMUM_NAME: Final = 255
_MAXIMUM_URL: Final = 2048
_MAXIMUM_TEXT: Final = 1024


def clean_text(value: object) -> str | None:
    """Return `value` if it is text of a sensible length."""
    return value if isinstance(value, str) and 0 < len(value) <= _MAXIMUM_TEXT else None


def clean_name(value: object) -> str | None:
    """Return a name to show: on one line, without control and format characters, cut at 255 characters."""
    if not isinstance(value, str):
        return None
    visible = (" " if character.isspace() else character for character in value[: 4 * _MAXIMUM_NAME])
    kept = "".join(character for character in visible if unicodedata.category(character)[0] != "C")
    return " ".join(kept.split())[:_MAXIMUM_NAME] or None


def clean_image(value: object) -> str | None:
    """Return the URL of a picture if it is https, well-formed and at most 2048 characters long."""
    if not isinstance(value, str) or len(value) > _MAXIMUM_URL:
        return None
    try:
        origin, _ = split_url(value)
    except ValueError:
        return None
    return value if origin.scheme == "https" else None


def clean_subject(value: object) -> str:
    """Return a provider's id of a user as text; numbers become their digits.

    Raises:
        OAuthError: `invalid_userinfo`: there is none.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value:
        return value
    raise OAuthError("invalid_userinfo", "the profile has no id")
