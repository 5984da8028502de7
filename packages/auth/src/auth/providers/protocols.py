"""What a sign-in provider answers: a URL, tokens, a profile.

The flow itself (state, PKCE, nonce, the browser's cookie, users and sessions) is `auth.core.signin`, once for all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """What goes into an authorization URL (RFC 6749, section 4.1.1; RFC 7636; OpenID Connect Core 1.0, 3.1.2.1).

    Attributes:
        state: random, for this request only.
        nonce: random, for this request only; belongs into the id_token.
        code_challenge: the S256 challenge of the code verifier.
        redirect_uri: where the provider sends the browser back.
    """

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    code_challenge: str
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeExchange:
    """What a token request needs (RFC 6749, section 4.1.3; RFC 7636, section 4.5)."""

    code: str = field(repr=False)
    code_verifier: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSet:
    """A provider's token response (RFC 6749, section 5.1)."""

    access_token: str = field(repr=False)
    token_type: str
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    scope: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Who signed in, as far as belgie wants to know.

    Attributes:
        provider_account_id: the provider's stable id of the user, such as the `sub` of OpenID Connect.
        email: the address, as the provider wrote it.
        email_verified: true only if the provider says that it checked this address.
        name: the name to show.
        image: an https URL of a picture.
    """

    provider_account_id: str
    email: str | None = field(default=None, repr=False)
    email_verified: bool = False
    name: str | None = field(default=None, repr=False)
    image: str | None = field(default=None, repr=False)


@runtime_checkable
class ProviderProtocol(Protocol):
    """A provider as the sign-in flow uses it.

    Every method may raise `OAuthError` with one of the codes of `auth.core.errors.ERRORS`.
    """

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL to send the browser to."""
        ...

    async def check_issuer(self, issuer: str | None) -> None:
        """Compare the `iss` of the authorization response (RFC 9207) with the provider's own.

        Raises:
            OAuthError: `issuer_mismatch`.
        """
        ...

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        """Exchange an authorization code for tokens; once, without a retry, as codes are."""
        ...

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        """Return whose tokens these are; with OpenID Connect, after the id_token was found valid for `nonce`."""
        ...


@runtime_checkable
class RefreshProtocol(Protocol):
    """Optional: a provider whose access tokens can be renewed."""

    async def refresh(self, refresh_token: str) -> TokenSet:
        """Return new tokens for a refresh token (RFC 6749, section 6); once, without a retry, as it may be used up.

        Raises:
            OAuthError: `provider_token_expired` if the provider does not accept the refresh token any more.
        """
        ...


@runtime_checkable
class NameInAnswerProtocol(Protocol):
    """Optional: a provider that tells the user's name only in its answer to the browser (Apple)."""

    def name_in_answer(self, answer: Mapping[str, Sequence[str]]) -> str | None:
        """Return the name in the parameters of the answer, each with all its values.

        The browser could have written them, so nothing but a name to show is taken from there.
        """
        ...
