"""Google (https://developers.google.com/identity/openid-connect/openid-connect)."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import OAuthError
from auth.providers.context import ProviderContext
from auth.providers.id_token import IdToken
from auth.providers.oidc import OIDCProvider, OIDCProviderSettings, Quirks
from auth.providers.protocols import Profile

_ISSUER: Final = "https://accounts.google.com"
_BARE_ISSUER: Final = "accounts.google.com"  # Google's id_tokens have either spelling


class GoogleProviderSettings(OIDCProviderSettings):
    """Settings for signing in with Google; `BELGIE_GOOGLE_*`.

    Attributes:
        access_type: `offline` to be given a refresh token.
        prompt: `select_account`, `consent` or both; None to let Google decide.
        hd: accept only users of this Google Workspace domain, by the verified claim.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_GOOGLE_")

    issuer: str = _ISSUER
    access_type: Literal["online", "offline"] = "online"
    prompt: str | None = None
    hd: str | None = Field(default=None, min_length=1)
    label: str | None = "Google"

    def extra_parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization URL that are not the flow's own."""
        google = {"access_type": self.access_type, "prompt": self.prompt, "hd": self.hd}
        return {**self.authorization_parameters, **{name: value for name, value in google.items() if value is not None}}

    def make_provider(self, context: ProviderContext) -> "GoogleProvider":
        """Return the provider."""
        return GoogleProvider(self, context)


class GoogleProvider(OIDCProvider):
    """Google as the sign-in flow uses it."""

    def __init__(self, settings: GoogleProviderSettings, context: ProviderContext) -> None:
        super().__init__(settings, context, settings.issuer, Quirks(further_issuers=frozenset({_BARE_ISSUER})))
        self._hosted_domain = settings.hd

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile; the `hd` parameter of the request is only a wish, the claim decides."""
        if self._hosted_domain is not None and token.claims.get("hd") != self._hosted_domain:
            raise OAuthError("access_denied", "not a user of the hosted domain")
        return super().profile(token, claims)
