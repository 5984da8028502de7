"""LinkedIn.

Source: https://learn.microsoft.com/linkedin/consumer/integrations/self-serve/sign-in-with-linkedin-v2. LinkedIn leaves
the nonce out of its id_tokens and answers a token request that has a code verifier with `invalid_client`, so neither
of the two ties the code to the browser that asked for it; state and the flow's cookie alone do. The id_token has
`email_verified` as text.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.providers.context import ProviderContext
from auth.providers.id_token import IdToken
from auth.providers.oidc import OIDCProvider, OIDCProviderSettings, Quirks
from auth.providers.protocols import Profile
from auth.providers.token_requests import ClientAuthentication
from auth.utils.secret_fields import OptionalSecret

_QUIRKS: Final = Quirks(ignores_nonce=True, refuses_code_verifier=True)


class LinkedInProviderSettings(OIDCProviderSettings):
    """Settings for signing in with LinkedIn; `BELGIE_LINKEDIN_*`."""

    model_config = SettingsConfigDict(env_prefix="BELGIE_LINKEDIN_")

    client_secret: OptionalSecret = Field(default=...)
    issuer: str = "https://www.linkedin.com/oauth"
    token_endpoint_auth_method: ClientAuthentication | None = "client_secret_post"  # noqa: S105  a method, no secret
    label: str | None = "LinkedIn"

    def make_provider(self, context: ProviderContext) -> "LinkedInProvider":
        """Return the provider."""
        return LinkedInProvider(self, context, self.issuer, _QUIRKS)


class LinkedInProvider(OIDCProvider):
    """LinkedIn as the sign-in flow uses it."""

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile."""
        verified = claims.get("email_verified")
        return replace(super().profile(token, claims), email_verified=verified is True or verified == "true")
