"""Any OAuth 2.0 provider with a userinfo endpoint, from its addresses (RFC 6749)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import ConfigurationError, OAuthError
from auth.providers.client import ClientSettings
from auth.providers.context import ProviderContext
from auth.providers.http import ProviderResponse
from auth.providers.profile import clean_image, clean_name, clean_subject, clean_text
from auth.providers.protocols import AuthorizationRequest, CodeExchange, Profile, TokenSet
from auth.providers.token_requests import Client, build_authorization_url, refresh_tokens, request_tokens
from auth.utils.urls import split_url

type ProfileMapping = Callable[[Mapping[str, Any]], Profile]
"""From the userinfo endpoint's JSON object to a profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """A provider's addresses.

    Attributes:
        authorization: where the browser is sent.
        token: where the code is exchanged.
        userinfo: where the profile is, for a GET request with the access token.
        issuer: what the provider calls itself in the `iss` of its answers (RFC 9207), if it does.
    """

    authorization: str
    token: str
    userinfo: str
    issuer: str | None = None


class OAuth2ProviderSettings(ClientSettings):
    """Settings of any OAuth 2.0 provider; `BELGIE_OAUTH2_*`.

    Attributes:
        authorization_endpoint: where the browser is sent.
        token_endpoint: where the code is exchanged.
        userinfo_endpoint: where the profile is, for a GET request with the access token.
        issuer: what the provider calls itself in the `iss` of its answers (RFC 9207); None if it sends none.
        scope_separator: what stands between two scopes.
        subject_claim: the member of the profile that holds the user's stable id.
        email_claim: the member that holds the e-mail address.
        email_verified_claim: the member that is JSON true if the provider checked the address; None if it has none.
        name_claim: the member that holds the name to show.
        image_claim: the member that holds the URL of a picture.
        mapping: a function from the profile's JSON object to a `Profile`, in place of the five names.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_OAUTH2_")

    authorization_endpoint: str = Field(default=...)
    token_endpoint: str = Field(default=...)
    userinfo_endpoint: str = Field(default=...)
    issuer: str | None = None
    scope_separator: str = Field(default=" ", pattern=r"^[ ,]$")
    subject_claim: str = "sub"
    email_claim: str = "email"
    email_verified_claim: str | None = "email_verified"
    name_claim: str = "name"
    image_claim: str = "picture"
    mapping: ProfileMapping | None = Field(default=None, exclude=True)

    @field_validator("authorization_endpoint", "token_endpoint", "userinfo_endpoint")
    @classmethod
    def _check_endpoint(cls, value: str) -> str:
        split_url(value)
        return value

    def make_provider(self, context: ProviderContext) -> "OAuth2Provider":
        """Return the provider.

        Raises:
            ConfigurationError: an address is not https.
        """
        endpoints = Endpoints(
            authorization=self.authorization_endpoint,
            token=self.token_endpoint,
            userinfo=self.userinfo_endpoint,
            issuer=self.issuer,
        )
        mapping = self.mapping or self._by_names
        return OAuth2Provider(self, context, endpoints, mapping, scope_separator=self.scope_separator)

    def _by_names(self, claims: Mapping[str, Any]) -> Profile:
        verified = self.email_verified_claim
        return Profile(
            provider_account_id=clean_subject(claims.get(self.subject_claim)),
            email=clean_text(claims.get(self.email_claim)),
            email_verified=verified is not None and claims.get(verified) is True,
            name=clean_name(claims.get(self.name_claim)),
            image=clean_image(claims.get(self.image_claim)),
        )


class OAuth2Provider:
    """An OAuth 2.0 provider as the sign-in flow uses it.

    Args:
        settings: the application as the provider knows it.
        context: the provider's id, the client for HTTP and the clock.
        endpoints: the provider's addresses.
        mapping: from the userinfo endpoint's JSON object to a profile.
        scope_separator: what stands between two scopes.

    Raises:
        ConfigurationError: an address is not https (or http on loopback, for an application on loopback).
    """

    def __init__(
        self,
        settings: ClientSettings,
        context: ProviderContext,
        endpoints: Endpoints,
        mapping: ProfileMapping,
        *,
        scope_separator: str = " ",
    ) -> None:
        for name in ("authorization", "token", "userinfo"):
            try:
                context.http.check_url(getattr(endpoints, name))
            except ValueError as error:
                raise ConfigurationError(f"provider {context.provider_id!r}: {name} endpoint: {error}") from error
        self._settings = settings
        self._context = context
        self._endpoints = endpoints
        self._mapping = mapping
        self._scope = scope_separator.join(settings.scopes)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL of an authorization request (RFC 6749, section 4.1.1)."""
        return build_authorization_url(
            self._endpoints.authorization,
            request,
            client_id=self._settings.client_id,
            scope=self._scope,
            extra=self._settings.extra_parameters(),
        )

    async def check_issuer(self, issuer: str | None) -> None:
        """Compare the `iss` of the answer, if it has one and the provider's own is known."""
        expected = self._endpoints.issuer
        if issuer is not None and expected is not None and issuer != expected:
            raise OAuthError("issuer_mismatch")

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        """Exchange the code."""
        return await request_tokens(self._context, self._endpoints.token, exchange, self._client())

    async def refresh(self, refresh_token: str) -> TokenSet:
        """Exchange a refresh token for new tokens."""
        return await refresh_tokens(self._context, self._endpoints.token, refresh_token, self._client())

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:  # noqa: ARG002  OAuth 2.0 has no nonce
        """Return the profile at the userinfo endpoint."""
        return self.map_profile(expect_object(await self.get(self._endpoints.userinfo, tokens)))

    async def get(self, url: str, tokens: TokenSet, headers: Mapping[str, str] | None = None) -> ProviderResponse:
        """Ask the provider with the access token, which goes into a header and never into a URL."""
        authorization = {"Authorization": f"Bearer {tokens.access_token}"}
        return await self._context.http.get(url, headers={**(headers or {}), **authorization})

    def map_profile(self, claims: Mapping[str, Any]) -> Profile:
        """Return the profile that the claims describe.

        Raises:
            OAuthError: `invalid_userinfo` if they do not have what the mapping needs.
        """
        try:
            return self._mapping(claims)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            # the cause is not chained: its text can hold what the provider sent
            reason = "invalid_userinfo"
            raise OAuthError(reason, f"the mapping failed with {type(error).__name__}") from None

    def _client(self) -> Client:
        secret = self._settings.secret()
        chosen = self._settings.token_endpoint_auth_method or "client_secret_post"
        return Client(id=self._settings.client_id, secret=secret, authentication=chosen if secret else "none")


def expect_object(response: ProviderResponse) -> Mapping[str, Any]:
    """Return the JSON object of a successful answer.

    Raises:
        OAuthError: `invalid_userinfo`.
    """
    if not response.ok or response.document is None:
        raise OAuthError("invalid_userinfo", "expected status 200 and a JSON object")
    return response.document
