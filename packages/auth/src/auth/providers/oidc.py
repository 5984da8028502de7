"""Any OpenID provider, from its issuer (OpenID Connect Core 1.0, Discovery 1.0)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import ConfigurationError, OAuthError
from auth.providers.client import ClientSettings, ScopeNames, check_base_url
from auth.providers.context import ProviderContext
from auth.providers.discovery import Discovery, ProviderMetadata
from auth.providers.id_token import HASHES, IdToken, IdTokenRules, IdTokenVerifier
from auth.providers.profile import clean_image, clean_name, clean_text
from auth.providers.protocols import AuthorizationRequest, CodeExchange, Profile, TokenSet
from auth.providers.token_requests import (
    Client,
    ClientAuthentication,
    build_authorization_url,
    refresh_tokens,
    request_tokens,
)

_SUPPORTED_AUTHENTICATION: Final[tuple[ClientAuthentication, ...]] = ("client_secret_basic", "client_secret_post")


class OpenIDClientSettings(ClientSettings):
    """The application as an OpenID provider knows it; the base of the settings of all OpenID providers.

    Attributes:
        scopes: what to ask for; `openid` is a must.
        algorithms: accepted signature algorithms of the id_token.
        trusted_audiences: audiences besides the client that an id_token may name.
        userinfo: ask the userinfo endpoint `always`, `never`, or when the id_token has no e-mail address (`auto`).
        require_pkce: refuse a provider whose description does not list S256.
    """

    scopes: ScopeNames = ("openid", "email", "profile")
    algorithms: tuple[str, ...] = ("RS256",)
    trusted_audiences: frozenset[str] = frozenset()
    userinfo: Literal["auto", "always", "never"] = "auto"
    require_pkce: bool = False

    @field_validator("scopes")
    @classmethod
    def _check_openid(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("expected the scope openid among the scopes")
        return value

    @field_validator("algorithms")
    @classmethod
    def _check_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= set(HASHES):
            raise ValueError(f"expected one or more of {', '.join(HASHES)}")
        return value


class OIDCProviderSettings(OpenIDClientSettings):
    """Settings of any OpenID provider that describes itself; `BELGIE_OIDC_*`.

    Attributes:
        issuer: the provider's issuer, exactly as its description has it.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_OIDC_")

    issuer: str = Field(default=...)

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        check_base_url(value)
        return value

    def make_provider(self, context: ProviderContext) -> "OIDCProvider":
        """Return the provider."""
        return OIDCProvider(self, context, self.issuer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """In what a provider differs from the standard; every default is the standard.

    Attributes:
        described_issuer: what the description names as the issuer, where that is not the address it is fetched from.
        further_issuers: further spellings of `iss` in its id_tokens.
        issuer_template: an issuer with `{tenantid}` in the place of the id_token's own `tid`; then it is the only one.
        ignores_nonce: its id_tokens may lack the nonce. One that is there must still be the right one.
        refuses_code_verifier: it answers a token request that has a code verifier with an error.
    """

    described_issuer: str | None = None
    further_issuers: frozenset[str] = frozenset()
    issuer_template: str | None = None
    ignores_nonce: bool = False
    refuses_code_verifier: bool = False


_NO_QUIRKS: Final = Quirks()


class OIDCProvider:
    """An OpenID provider as the sign-in flow uses it.

    Args:
        settings: the application as the provider knows it.
        context: the provider's id, the client for HTTP and the clock.
        issuer: the address below which the provider describes itself.
        quirks: in what it differs from the standard.

    Raises:
        ConfigurationError: the issuer is not https (or http on loopback, for an application on loopback).
    """

    def __init__(
        self,
        settings: OpenIDClientSettings,
        context: ProviderContext,
        issuer: str,
        quirks: Quirks = _NO_QUIRKS,
    ) -> None:
        try:
            context.http.check_url(issuer)
        except ValueError as error:
            raise ConfigurationError(f"provider {context.provider_id!r}: issuer: {error}") from error
        self._settings = settings
        self._context = context
        self._quirks = quirks
        self._issuer = quirks.described_issuer or issuer
        self._discovery = Discovery(context, issuer, expected_issuer=quirks.described_issuer)
        rules = IdTokenRules(
            issuers=frozenset() if quirks.issuer_template else quirks.further_issuers | {self._issuer},
            client_id=settings.client_id,
            algorithms=settings.algorithms,
            trusted_audiences=settings.trusted_audiences,
            issuer_template=quirks.issuer_template,
            nonce_required=not quirks.ignores_nonce,
        )
        self._verifier = IdTokenVerifier(self._discovery, rules, context.clock)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL of an authentication request (OpenID Connect Core 1.0, section 3.1.2.1)."""
        metadata = await self._metadata()
        return build_authorization_url(
            metadata.authorization_endpoint,
            request,
            client_id=self._settings.client_id,
            scope=" ".join(self._settings.scopes),
            extra={**self._settings.extra_parameters(), "nonce": request.nonce},
        )

    async def check_issuer(self, issuer: str | None) -> None:
        """Compare the `iss` of the authorization response; it must be there if the provider says it sends it."""
        if issuer is None:
            if not (await self._metadata()).issuer_in_response:
                return
        elif self.is_issuer(issuer):
            return
        raise OAuthError("issuer_mismatch")

    def is_issuer(self, issuer: str) -> bool:
        """Whether the provider may call itself so."""
        return issuer == self._issuer

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        """Exchange the code; an OpenID provider's answer has an id_token."""
        metadata = await self._metadata()
        tokens = await request_tokens(
            self._context,
            metadata.token_endpoint,
            exchange,
            self._client(metadata),
            send_verifier=not self._quirks.refuses_code_verifier,
        )
        if tokens.id_token is None:
            raise OAuthError("invalid_token_response", "no id_token")
        return tokens

    async def refresh(self, refresh_token: str) -> TokenSet:
        """Exchange a refresh token for new tokens, without the id_token: it would say nothing new."""
        metadata = await self._metadata()
        client = self._client(metadata)
        return replace(
            await refresh_tokens(self._context, metadata.token_endpoint, refresh_token, client), id_token=None
        )

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        """Return the profile in the valid id_token, completed from the userinfo endpoint where that is needed."""
        token = await self._verifier.verify(tokens.id_token or "", nonce=nonce, access_token=tokens.access_token)
        return self.profile(token, await self._complete(token, tokens))

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile that the claims describe (OpenID Connect Core 1.0, section 5.1).

        Args:
            token: the valid id_token.
            claims: its claims, completed by those of the userinfo endpoint.
        """
        return Profile(
            provider_account_id=token.subject,
            email=clean_text(claims.get("email")),
            email_verified=claims.get("email_verified") is True,
            name=clean_name(claims.get("name")),
            image=clean_image(claims.get("picture")),
        )

    def client_secret(self) -> str | None:
        """Return what the client shows at the token endpoint."""
        return self._settings.secret()

    async def _complete(self, token: IdToken, tokens: TokenSet) -> Mapping[str, Any]:
        mode = self._settings.userinfo
        if mode == "never" or (mode == "auto" and "email" in token.claims):
            return token.claims
        endpoint = (await self._metadata()).userinfo_endpoint
        if endpoint is None:
            return token.claims
        response = await self._context.http.get(endpoint, headers={"Authorization": f"Bearer {tokens.access_token}"})
        document = response.document
        # the same subject first, then the rest (OpenID Connect Core 1.0, section 5.3.2)
        if not response.ok or document is None or document.get("sub") != token.subject:
            raise OAuthError("invalid_userinfo")
        # an address and whether it was checked belong together: both from one of the two
        address = token.claims if "email" in token.claims else document
        return {
            **document,
            **token.claims,
            "email": address.get("email"),
            "email_verified": address.get("email_verified"),
        }

    async def _metadata(self) -> ProviderMetadata:
        metadata = await self._discovery.metadata()
        if self._settings.require_pkce and "S256" not in (metadata.code_challenge_methods or ()):
            raise OAuthError("provider_misconfigured", "the provider does not list the code challenge method S256")
        return metadata

    def _client(self, metadata: ProviderMetadata) -> Client:
        secret = self.client_secret()
        return Client(
            id=self._settings.client_id,
            secret=secret,
            authentication="none" if secret is None else self._authentication(metadata),
        )

    def _authentication(self, metadata: ProviderMetadata) -> ClientAuthentication:
        if self._settings.token_endpoint_auth_method is not None:
            return self._settings.token_endpoint_auth_method
        for method in _SUPPORTED_AUTHENTICATION:
            if method in metadata.token_endpoint_auth_methods:
                return method
        return "client_secret_basic"
