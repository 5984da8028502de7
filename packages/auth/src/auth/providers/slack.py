"""Slack.

Source: https://docs.slack.dev/authentication/sign-in-with-slack. Errors have status 200. A user's id is unique within
the workspace or the enterprise organisation, so the account's id has both. An application for which Slack's own PKCE
option is on is a public client: it shows no secret, so leave `client_secret` out for one.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import OAuthError
from auth.providers.context import ProviderContext
from auth.providers.id_token import IdToken
from auth.providers.oidc import OIDCProvider, OIDCProviderSettings
from auth.providers.protocols import Profile

_TEAM: Final = "https://slack.com/team_id"
_ENTERPRISE: Final = "https://slack.com/enterprise_id"


class SlackProviderSettings(OIDCProviderSettings):
    """Settings for signing in with Slack; `BELGIE_SLACK_*`.

    Attributes:
        team: accept only users of this workspace (`T...`), by the verified claim.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_SLACK_")

    issuer: str = "https://slack.com"
    label: str | None = "Slack"
    team: str | None = Field(default=None, min_length=1)

    def extra_parameters(self) -> dict[str, str]:
        """Return the parameters of the authorization URL that are not the flow's own."""
        return (
            self.authorization_parameters if self.team is None else {**self.authorization_parameters, "team": self.team}
        )

    def make_provider(self, context: ProviderContext) -> "SlackProvider":
        """Return the provider."""
        return SlackProvider(self, context)


class SlackProvider(OIDCProvider):
    """Slack as the sign-in flow uses it."""

    def __init__(self, settings: SlackProviderSettings, context: ProviderContext) -> None:
        super().__init__(settings, context, settings.issuer)
        self._team = settings.team

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile; the `team` parameter of the request is only a wish, the claim decides."""
        team = token.claims.get(_TEAM)
        namespace = token.claims.get(_ENTERPRISE) or team
        if not isinstance(namespace, str) or not namespace:
            raise OAuthError("invalid_id_token", "id_token refused: it names no workspace")
        if self._team is not None and team != self._team:
            raise OAuthError("access_denied", "not a user of the workspace")
        return replace(super().profile(token, claims), provider_account_id=f"{namespace}:{token.subject}")
