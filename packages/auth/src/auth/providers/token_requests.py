"""The authorization URL and the token requests (RFC 6749, RFC 7636), the same for every provider."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from auth.core.exceptions import OAuthError
from auth.providers.context import ProviderContext
from auth.providers.http import ProviderResponse
from auth.providers.protocols import AuthorizationRequest, CodeExchange, TokenSet

type ClientAuthentication = Literal["client_secret_basic", "client_secret_post", "none"]

_MAXIMUM_LIFETIME_SECONDS: Final = 10 * 365 * 24 * 3600
_LIFETIME: Final = re.compile(r"[0-9]{1,9}")
_TOKEN: Final = re.compile(r"[\x20-\x7e]+")  # RFC 6749, appendix A
# What the standard and GitHub and Slack call a refresh token that is worth nothing any more.
_WITHDRAWN: Final = frozenset({"invalid_grant", "bad_refresh_token", "invalid_refresh_token"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """The application at a provider's token endpoint."""

    id: str
    secret: str | None = field(default=None, repr=False)
    authentication: ClientAuthentication = "client_secret_basic"


def build_authorization_url(
    endpoint: str,
    request: AuthorizationRequest,
    *,
    client_id: str,
    scope: str,
    extra: Mapping[str, str],
) -> str:
    """Return the URL of an authorization request with PKCE S256 (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    parameters = {
        **extra,
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": request.redirect_uri,
        **({"scope": scope} if scope else {}),
        "state": request.state,
        "code_challenge": request.code_challenge,
        "code_challenge_method": "S256",
    }
    separator = "&" if "?" in endpoint else "?"
    return f"{endpoint}{separator}{urlencode(parameters, quote_via=quote)}"


async def request_tokens(
    context: ProviderContext,
    endpoint: str,
    exchange: CodeExchange,
    client: Client,
    *,
    send_verifier: bool = True,
) -> TokenSet:
    """Exchange the code for tokens (RFC 6749, section 4.1.3).

    Args:
        context: the client for HTTP, and the clock.
        endpoint: the provider's token endpoint.
        exchange: the code and what belongs to it.
        client: the application.
        send_verifier: false for the one provider that refuses a request with a code verifier.

    Raises:
        OAuthError: `provider_unavailable`, `token_exchange_failed` or `invalid_token_response`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": exchange.code,
        "redirect_uri": exchange.redirect_uri,
    }
    if send_verifier:
        form["code_verifier"] = exchange.code_verifier
    response = await _post(context, endpoint, form, client)
    if _error_of(response) is not None:
        raise OAuthError("token_exchange_failed")
    return parse_tokens(context, response)


async def refresh_tokens(context: ProviderContext, endpoint: str, refresh_token: str, client: Client) -> TokenSet:
    """Exchange a refresh token for new tokens (RFC 6749, section 6).

    Raises:
        OAuthError: `provider_token_expired` if it is not accepted any more, `provider_error` for another error,
            `provider_unavailable` or `invalid_token_response`.
    """
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    response = await _post(context, endpoint, form, client)
    error = _error_of(response)
    if error in _WITHDRAWN:
        raise OAuthError("provider_token_expired", "the provider does not accept the refresh token")
    if error is not None:
        raise OAuthError("provider_error", "the provider did not refresh the token")
    return parse_tokens(context, response)


async def _post(context: ProviderContext, endpoint: str, form: dict[str, str], client: Client) -> ProviderResponse:
    headers: dict[str, str] = {}
    if client.authentication == "client_secret_basic" and client.secret is not None:
        headers["Authorization"] = basic_authorization(client.id, client.secret)
    else:
        form["client_id"] = client.id
        if client.authentication == "client_secret_post" and client.secret is not None:
            form["client_secret"] = client.secret
    return await context.http.post_form(endpoint, form, headers=headers)


def _error_of(response: ProviderResponse) -> str | None:
    """Return the error in a token response, whatever its status: some providers send errors with status 200."""
    document = response.document
    if document is None or "error" in document or not response.ok:
        error = document.get("error") if document is not None else None
        return error if isinstance(error, str) else ""
    return None


def parse_tokens(context: ProviderContext, response: ProviderResponse) -> TokenSet:
    """Return the tokens in a successful token response (RFC 6749, section 5.1).

    Raises:
        OAuthError: `invalid_token_response`.
    """
    document = response.document or {}
    access_token, token_type = _optional_text(document, "access_token"), document.get("token_type", "bearer")
    if access_token is None:
        raise _invalid("no access_token")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise _invalid("a token_type other than Bearer")
    lifetime = _lifetime(document.get("expires_in"))
    return TokenSet(
        access_token=access_token,
        token_type="bearer",  # noqa: S106 - a type, not a token
        refresh_token=_optional_text(document, "refresh_token"),
        id_token=_optional_text(document, "id_token"),
        scope=_optional_text(document, "scope"),
        expires_at=None if lifetime is None else context.clock() + timedelta(seconds=lifetime),
    )


def basic_authorization(client_id: str, client_secret: str) -> str:
    """Return the `Authorization` header of a client (RFC 6749, section 2.3.1: both are form-encoded first)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return f"Basic {b64encode(pair.encode('utf-8')).decode('ascii')}"


def _lifetime(value: object) -> float | None:
    """Return `expires_in` in seconds; some providers send the number as text."""
    if isinstance(value, str) and _LIFETIME.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _MAXIMUM_LIFETIME_SECONDS:
        return None
    return value


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise _invalid(f"{name} is not text in printable ASCII")
    return value


def _invalid(message: str) -> OAuthError:
    return OAuthError("invalid_token_response", message)
