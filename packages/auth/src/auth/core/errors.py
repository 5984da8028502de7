"""The one table that turns an error's code into an HTTP answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from fastapi import HTTPException, WebSocketException, status
from starlette.requests import HTTPConnection

from auth.core.exceptions import BelgieError


class ErrorCode(NamedTuple):
    """What a code means: the HTTP status, and one sentence each for what happened and what the user can do."""

    status: int
    meaning: str
    remedy: str


ERRORS: Final[Mapping[str, ErrorCode]] = MappingProxyType(
    {
        "not_authenticated": ErrorCode(401, "Nobody is signed in, or the session has ended.", "Sign in."),
        "insufficient_scope": ErrorCode(403, "The user lacks a scope that the route needs.", "Ask for the right."),
        "reauthentication_required": ErrorCode(403, "The sign-in is too long ago for this route.", "Sign in again."),
        "csrf": ErrorCode(403, "The request came from another site.", "Use the application's own pages."),
        "not_found": ErrorCode(404, "There is no such session or account of this user.", "Reload the list."),
        "unknown_provider": ErrorCode(404, "The application has no such provider.", "Choose another provider."),
        "last_account": ErrorCode(409, "It is the user's only way to sign in.", "Link another provider first."),
        "invalid_redirect": ErrorCode(400, "The way back is not an address of the application.", "Start again."),
        "invalid_state": ErrorCode(
            400,
            "The sign-in is not open in this browser, or was finished before.",
            "Start again, in one browser.",
        ),
        "expired_state": ErrorCode(400, "The sign-in took too long.", "Start again."),
        "link_session_mismatch": ErrorCode(
            400,
            "The account was to be linked to somebody who is not signed in here now.",
            "Sign in and link again.",
        ),
        "invalid_callback": ErrorCode(400, "The provider's answer lacks what it must have.", "Start again."),
        "access_denied": ErrorCode(400, "The user or the provider refused.", "Start again and agree."),
        "provider_error": ErrorCode(502, "The provider reported an error.", "Try again later."),
        "issuer_mismatch": ErrorCode(400, "The answer came from another provider than was asked.", "Start again."),
        "provider_unavailable": ErrorCode(503, "The provider did not answer in time.", "Try again later."),
        "provider_misconfigured": ErrorCode(502, "The provider's description is not acceptable.", "Tell the operator."),
        "token_exchange_failed": ErrorCode(502, "The provider did not accept the code.", "Start again."),
        "invalid_token_response": ErrorCode(502, "The provider's tokens lack what they must have.", "Try again later."),
        "invalid_id_token": ErrorCode(502, "The provider's id_token is not valid.", "Start again."),
        "invalid_userinfo": ErrorCode(502, "The provider's profile is not valid.", "Try again later."),
        "provider_token_expired": ErrorCode(
            403,
            "The provider's token for this user has expired, and could not be renewed.",
            "Sign in with the provider again.",
        ),
        "email_required": ErrorCode(400, "The provider gave no e-mail address.", "Share the address."),
        "invalid_email": ErrorCode(400, "The provider gave a malformed e-mail address.", "Correct it there."),
        "account_not_linked": ErrorCode(
            409,
            "The address belongs to a user who signs in another way.",
            "Sign in that way, then link this provider.",
        ),
        "account_in_use": ErrorCode(409, "The account is linked to another user.", "Sign in with it instead."),
        "provider_already_linked": ErrorCode(409, "The user has another account there.", "Unlink that one first."),
        "account_disabled": ErrorCode(403, "The user may not sign in.", "Ask the operator."),
        "hook_rejected": ErrorCode(403, "The application refused the sign-up.", "Ask the operator."),
        "storage_unavailable": ErrorCode(503, "The database did not answer.", "Try again in a moment."),
        "internal_error": ErrorCode(500, "Something went wrong here.", "Try again later."),
    },
)

#: Codes that say more than a stranger should hear, and what the stranger hears.
_PUBLIC: Final[Mapping[str, str]] = MappingProxyType(
    {"session_expired": "not_authenticated", "invalid_value": "internal_error", "conflict": "internal_error"},
)

#: On every answer of ours: never cached, never named in a Referer, never sniffed, never framed.
SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Vary": "Cookie",
    },
)

_RETRY_AFTER_SECONDS: Final = "5"
_POLICY_VIOLATION: Final = status.WS_1008_POLICY_VIOLATION
_TRY_AGAIN_LATER: Final = status.WS_1013_TRY_AGAIN_LATER


def public_code(error: BelgieError) -> str:
    """Return the code that a browser may see for `error`."""
    code = _PUBLIC.get(error.code, error.code)
    return code if code in ERRORS else "internal_error"


def error_headers(code: str) -> dict[str, str]:
    """Return the headers of an error answer."""
    headers = dict(SECURITY_HEADERS)
    if ERRORS[code].status == status.HTTP_503_SERVICE_UNAVAILABLE:
        headers["Retry-After"] = _RETRY_AFTER_SECONDS
    return headers


def to_http(error: BelgieError, connection: HTTPConnection) -> HTTPException | WebSocketException:
    """Return the exception by which FastAPI tells `error` to the client of `connection`."""
    code = public_code(error)
    if connection.scope["type"] == "websocket":
        unavailable = ERRORS[code].status == status.HTTP_503_SERVICE_UNAVAILABLE
        return WebSocketException(_TRY_AGAIN_LATER if unavailable else _POLICY_VIOLATION, reason=code)
    return HTTPException(ERRORS[code].status, detail=code, headers=error_headers(code))
