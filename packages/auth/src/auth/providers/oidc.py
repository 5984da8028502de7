"""Any OpenID provider, from its issuer (OpenID Connect Core 1.0, Discovery 1.0)."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import ConfigurationError, OAuthError
from auth.providers.context import ProviderContext
from auth.providers.discovery import Discovery, ProviderMetadata
from auth.providers.id_token import HASHES, IdToken, IdTokenRules, IdTokenVerifier
from auth.providers.oauth2 import ClientAuthentication, build_authorization_url, request_tokens
from auth.providers.profile import clean_image, clean_name, clean_text
from auth.providers.protocols import AuthorizationRequest, CodeExchange, Profile, TokenSet
from auth.utils.env import EnvironmentSettings
from auth.utils.urls import split_url

_SUPPORTED_AUTHENTICATION: Final[tuple[ClientAuthentication, ...]] = ("client_secret_basic", "client_secret_post")


class OIDCProviderSettings(EnvironmentSettings):
    """Settings of any OpenID provider that describes itself; `BELGIE_OIDC_*`.

    Attributes:
        issuer: the provider's issuer, exactly as its description has it.
        client_id: as the provider registered the application.
        client_secret: the same; None for a public client.
        scopes: what to ask for; `openid` is a must.
        redirect_uri: where the provider sends the browser back; None for the route of `Auth`.
        algorithms: accepted signature algorithms of the id_token.
        trusted_audiences: audiences besides the client that an id_token may name.
        token_endpoint_auth_method: how the client shows its secret; None to take what the provider lists.
        userinfo: ask the userinfo endpoint `always`, `never`, or when the id_token has no e-mail address (`auto`).
        authorization_parameters: more parameters for the authorization URL, such as `{"prompt": "login"}`.
        require_pkce: refuse a provider whose description does not list S256.
        label: the name on a sign-in button; None for the provider's id.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_OIDC_")

    issuer: str
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    redirect_uri: str | None = None
    algorithms: tuple[str, ...] = ("RS256",)
    trusted_audiences: frozenset[str] = frozenset()
    token_endpoint_auth_method: ClientAuthentication | None = None
    userinfo: Literal["auto", "always", "never"] = "auto"
    authorization_parameters: dict[str, str] = Field(default_factory=dict)
    require_pkce: bool = False
    label: str | None = None

    @field_validator("issuer")
    @classmethod
    def _check_issuer(cls, value: str) -> str:
        _, rest = split_url(value)
        if "?" in rest or "#" in rest:
            raise ValueError("expected an issuer without query and fragment")
        return value

    @field_validator("scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in value:
            raise ValueError("expected the scope openid among the scopes")
        return value

    @field_validator("algorithms")
    @classmethod
    def _check_algorithms(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= set(HASHES):
            raise ValueError(f"expected one or more of {', '.join(HASHES)}")
        return value

    @field_validator("authorization_parameters")
    @classmethod
    def _check_parameters(cls, value: dict[str, str]) -> dict[str, str]:
        reserved = {"response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge"}
        reserved |= {"code_challenge_method", "response_mode", "request", "request_uri"}
        if taken := reserved & set(value):
            raise ValueError(f"expected no parameter that belgie sets itself: {', '.join(sorted(taken))}")
        return value

    def extra_parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization URL that are not the flow's own."""
        return self.authorization_parameters

    def make_provider(self, context: ProviderContext) -> "OIDCProvider":
        """Return the provider."""
        return OIDCProvider(self, context)


class OIDCProvider:
    """An OpenID provider as the sign-in flow uses it.

    Raises:
        ConfigurationError: the issuer is not https (or http on loopback, for an application on loopback).
    """

    def __init__(
        self,
        settings: OIDCProviderSettings,
        context: ProviderContext,
        *,
        accepted_issuers: frozenset[str] = frozenset(),
    ) -> None:
        try:
            context.http.check_url(settings.issuer)
        except ValueError as error:
            raise ConfigurationError(f"provider {context.provider_id!r}: issuer: {error}") from error
        self.settings = settings
        self._context = context
        self._discovery = Discovery(context, settings.issuer)
        self._issuers = accepted_issuers | {settings.issuer}
        rules = IdTokenRules(
            issuers=self._issuers,
            client_id=settings.client_id,
            algorithms=settings.algorithms,
            trusted_audiences=settings.trusted_audiences,
        )
        self._verifier = IdTokenVerifier(self._discovery, rules, context.clock)

    async def authorization_url(self, request: AuthorizationRequest) -> str:
        """Return the URL of an authentication request (OpenID Connect Core 1.0, section 3.1.2.1)."""
        metadata = await self._metadata()
        return build_authorization_url(
            metadata.authorization_endpoint,
            request,
            client_id=self.settings.client_id,
            scopes=self.settings.scopes,
            extra={**self.settings.extra_parameters(), "nonce": request.nonce},
        )

    async def check_issuer(self, issuer: str | None) -> None:
        """Compare the `iss` of the authorization response; it must be there if the provider says it sends it."""
        if issuer is None:
            if not (await self._metadata()).issuer_in_response:
                return
        elif issuer == self.settings.issuer:
            return
        raise OAuthError("issuer_mismatch")

    async def exchange_code(self, exchange: CodeExchange) -> TokenSet:
        """Exchange the code; an OpenID provider's answer has an id_token."""
        metadata = await self._metadata()
        secret = self.settings.client_secret
        tokens = await request_tokens(
            self._context,
            metadata.token_endpoint,
            exchange,
            client_id=self.settings.client_id,
            client_secret=secret.get_secret_value() if secret is not None else None,
            authentication=self._authentication(metadata),
        )
        if tokens.id_token is None:
            raise OAuthError("invalid_token_response", "no id_token")
        return tokens

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:
        """Return the profile in the valid id_token, completed from the userinfo endpoint where that is needed."""
        token = await self._verifier.verify(tokens.id_token or "", nonce=nonce, access_token=tokens.access_token)
        return self.profile(token, await self._complete(token, tokens))

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile that the claims describe (OpenID Connect Core 1.0, section 5.1)."""
        return Profile(
            provider_account_id=token.subject,
            email=clean_text(claims.get("email")),
            email_verified=claims.get("email_verified") is True,
            name=clean_name(claims.get("name")),
            image=clean_image(claims.get("picture")),
        )

    async def _complete(self, token: IdToken, tokens: TokenSet) -> Mapping[str, Any]:
        mode = self.settings.userinfo
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
        if self.settings.require_pkce and "S256" not in (metadata.code_challenge_methods or ()):
            raise OAuthError("provider_misconfigured", "the provider does not list the code challenge method S256")
        return metadata

    def _authentication(self, metadata: ProviderMetadata) -> ClientAuthentication:
        if self.settings.client_secret is None:
            return "none"
        if self.settings.token_endpoint_auth_method is not None:
            return self.settings.token_endpoint_auth_method
        for method in _SUPPORTED_AUTHENTICATION:
            if method in metadata.token_endpoint_auth_methods:
                return method
        return "client_secret_basic"
