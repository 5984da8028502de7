"""Apple.

Sources: https://developer.apple.com/documentation/signinwithapplerestapi and
https://developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret. The client secret
is a token that the application signs, valid for six months at most. With scopes Apple answers by POST, and tells the
name only in the first of these answers. `email_verified` is a boolean or text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from auth.providers.client import ScopeNames
from auth.providers.context import ProviderContext
from auth.providers.id_token import IdToken
from auth.providers.oidc import OIDCProvider, OIDCProviderSettings
from auth.providers.profile import clean_name
from auth.providers.protocols import Profile
from auth.providers.signed_secret import SignedSecret, import_private_key
from auth.providers.token_requests import ClientAuthentication
from auth.utils.json import parse_json
from auth.utils.secret_fields import Secret


class AppleProviderSettings(OIDCProviderSettings):
    r"""Settings for signing in with Apple; `BELGIE_APPLE_*`. There is no `client_secret`: it is made from the key.

    Attributes:
        client_id: the Services ID.
        team_id: the id of the developer team.
        key_id: the id of the private key.
        private_key: the private key as Apple gives it (PEM); `\n` may stand for a line's end.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_APPLE_")

    issuer: str = "https://appleid.apple.com"
    scopes: ScopeNames = ("openid", "email", "name")
    token_endpoint_auth_method: ClientAuthentication | None = "client_secret_post"  # noqa: S105  a method, no secret
    label: str | None = "Apple"
    team_id: str = Field(default=..., min_length=1)
    key_id: str = Field(default=..., min_length=1)
    private_key: Secret = Field(default=...)

    @field_validator("private_key")
    @classmethod
    def _check_key(cls, value: SecretStr) -> SecretStr:
        import_private_key(value.get_secret_value())
        return value

    @field_validator("client_secret")
    @classmethod
    def _check_secret(cls, value: SecretStr | None) -> None:
        if value is not None:
            raise ValueError("expected no client secret: it is made from team_id, key_id and private_key")

    def extra_parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization URL that are not the flow's own."""
        return {**self.authorization_parameters, "response_mode": "form_post"}

    def make_provider(self, context: ProviderContext) -> "AppleProvider":
        """Return the provider."""
        return AppleProvider(self, context)


class AppleProvider(OIDCProvider):
    """Apple as the sign-in flow uses it."""

    answers_by_post: Final = True

    def __init__(self, settings: AppleProviderSettings, context: ProviderContext) -> None:
        super().__init__(settings, context, settings.issuer)
        key = import_private_key(settings.private_key.get_secret_value())
        claims = {"iss": settings.team_id, "aud": settings.issuer, "sub": settings.client_id}
        self._secret = SignedSecret(key, settings.key_id, claims, context.clock)

    def client_secret(self) -> str:
        """Return the signed secret."""
        return self._secret.get()

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile."""
        verified = claims.get("email_verified")
        return replace(super().profile(token, claims), email_verified=verified is True or verified == "true")

    def name_in_answer(self, answer: Mapping[str, Sequence[str]]) -> str | None:
        """Return the name in the `user` field of the first answer."""
        try:
            user: Any = parse_json(answer["user"][0].encode("utf-8"))
            parts = [clean_name(user["name"].get(part)) for part in ("firstName", "lastName")]
        except (AttributeError, LookupError, TypeError, ValueError):
            return None
        return clean_name(" ".join(part for part in parts if part))
