"""The OAuth 2.0 half of a sign-in: the authorization URL and the token request (RFC 6749, RFC 7636)."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

from auth.core.exceptions import OAuthError
from auth.providers.context import ProviderContext
from auth.providers.http import ProviderResponse
from auth.providers.protocols import AuthorizationRequest, CodeExchange, TokenSet

type ClientAuthentication = Literal["client_secret_basic", "client_secret_post", "none"]

_MAXIMUM_LIFETIME_SECONDS: Final = 10 * 365 * 24 * 3600


def build_authorization_url(
    endpoint: str,
    request: AuthorizationRequest,
    *,
    client_id: str,
    scopes: Sequence[str],
    extra: Mapping[str, str],
) -> str:
    """Return the URL of an authorization request with PKCE S256 (RFC 6749, section 4.1.1; RFC 7636, section 4.3)."""
    parameters = {
        **extra,
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": request.redirect_uri,
        "scope": " ".join(scopes),
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
    *,
    client_id: str,
    client_secret: str | None,
    authentication: ClientAuthentication,
) -> TokenSet:
    """Exchange the code for tokens (RFC 6749, section 4.1.3).

    Raises:
        OAuthError: `provider_unavailable`, `token_exchange_failed` or `invalid_token_response`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": exchange.code,
        "redirect_uri": exchange.redirect_uri,
        "code_verifier": exchange.code_verifier,
    }
    headers: dict[str, str] = {}
    if authentication == "client_secret_basic" and client_secret is not None:
        headers["Authorization"] = basic_authorization(client_id, client_secret)
    else:
        form["client_id"] = client_id
        if authentication == "client_secret_post" and client_secret is not None:
            form["client_secret"] = client_secret
    return parse_tokens(context, await context.http.post_form(endpoint, form, headers=headers))


def parse_tokens(context: ProviderContext, response: ProviderResponse) -> TokenSet:
    """Return the tokens in a token response.

    Raises:
        OAuthError: `token_exchange_failed` for an error, `invalid_token_response` for a response that is none.
    """
    document = response.document
    if not response.ok or document is None or "error" in document:
        raise OAuthError("token_exchange_failed")
    access_token, token_type = document.get("access_token"), document.get("token_type", "bearer")
    if not isinstance(access_token, str) or not access_token:
        raise _invalid("no access_token")
    if not isinstance(token_type, str) or token_type.lower() != "bearer":
        raise _invalid("a token_type other than Bearer")
    lifetime = document.get("expires_in")
    expires_at = None
    if (
        isinstance(lifetime, int | float)
        and not isinstance(lifetime, bool)
        and 0 < lifetime < _MAXIMUM_LIFETIME_SECONDS
    ):
        expires_at = context.clock() + timedelta(seconds=lifetime)
    return TokenSet(
        access_token=access_token,
        token_type="bearer",  # noqa: S106 - a type, not a token
        refresh_token=_optional_text(document, "refresh_token"),
        id_token=_optional_text(document, "id_token"),
        scope=_optional_text(document, "scope"),
        expires_at=expires_at,
    )


def basic_authorization(client_id: str, client_secret: str) -> str:
    """Return the `Authorization` header of a client (RFC 6749, section 2.3.1: both are form-encoded first)."""
    pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
    return f"Basic {b64encode(pair.encode('utf-8')).decode('ascii')}"


def _optional_text(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise _invalid(f"{name} is not text")
    return value or None


def _invalid(message: str) -> OAuthError:
    return OAuthError("invalid_token_response", message)
