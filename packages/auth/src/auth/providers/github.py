"""GitHub, and GitHub Enterprise Server.

Sources: https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps and
https://docs.github.com/en/rest/users/emails. Errors of the token endpoint have status 200. The address in the public
profile is whatever the user chose to show, so the addresses come from their own endpoint, which says what was checked.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import OAuthError
from auth.providers.client import BaseURL, ClientSettings, ScopeNames
from auth.providers.context import ProviderContext
from auth.providers.oauth2 import Endpoints, OAuth2Provider, expect_object
from auth.providers.profile import clean_image, clean_name, clean_subject, clean_text
from auth.providers.protocols import Profile, TokenSet
from auth.utils.secret_fields import OptionalSecret

_GITHUB: Final = "https://github.com"
_API: Final = "https://api.github.com"
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_NOT_ALLOWED: Final = frozenset({403, 404})


class GitHubProviderSettings(ClientSettings):
    """Settings for signing in with GitHub; `BELGIE_GITHUB_*`.

    Attributes:
        base_url: where GitHub is; the address of your GitHub Enterprise Server.
        api_url: where its API is; None for GitHub's own, or `{base_url}/api/v3` with another `base_url`.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_GITHUB_")

    client_secret: OptionalSecret = Field(default=...)
    scopes: ScopeNames = ("read:user", "user:email")
    label: str | None = "GitHub"
    base_url: BaseURL = _GITHUB
    api_url: BaseURL | None = None

    def make_provider(self, context: ProviderContext) -> "GitHubProvider":
        """Return the provider."""
        return GitHubProvider(self, context)


class GitHubProvider(OAuth2Provider):
    """GitHub as the sign-in flow uses it."""

    def __init__(self, settings: GitHubProviderSettings, context: ProviderContext) -> None:
        base_url = settings.base_url
        api_url = settings.api_url or (_API if base_url == _GITHUB else f"{base_url}/api/v3")
        self._user_url = f"{api_url}/user"
        endpoints = Endpoints(
            authorization=f"{base_url}/login/oauth/authorize",
            token=f"{base_url}/login/oauth/access_token",
            userinfo=self._user_url,
        )
        super().__init__(settings, context, endpoints, to_profile)

    async def fetch_profile(self, tokens: TokenSet, *, nonce: str) -> Profile:  # noqa: ARG002  OAuth 2.0 has no nonce
        """Return the user, with the primary address if GitHub checked it."""
        user = expect_object(await self.get(self._user_url, tokens, _HEADERS))
        answer = await self.get(f"{self._user_url}/emails?per_page=100", tokens, _HEADERS)
        if answer.status in _NOT_ALLOWED:  # the user or the application's permissions withhold the addresses
            return self.map_profile({**user, "emails": []})
        if not answer.ok or answer.items is None:
            raise OAuthError("invalid_userinfo", "expected a list of addresses")
        return self.map_profile({**user, "emails": answer.items})


def to_profile(user: Mapping[str, Any]) -> Profile:
    """Return the profile of a user whose addresses are in `emails`."""
    address = _primary(user["emails"])
    return Profile(
        provider_account_id=clean_subject(user.get("id")),
        email=address,
        email_verified=address is not None,
        name=clean_name(user.get("name")) or clean_name(user.get("login")),
        image=clean_image(user.get("avatar_url")),
    )


def _primary(addresses: Iterable[Any]) -> str | None:
    checked = (one for one in addresses if one["primary"] is True and one["verified"] is True)
    return next((clean_text(one["email"]) for one in checked), None)
