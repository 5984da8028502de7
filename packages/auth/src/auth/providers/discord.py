"""Discord.

Sources: https://discord.com/developers/docs/topics/oauth2 and
https://discord.com/developers/docs/resources/user. `verified` says whether the address was checked; an account made
by phone has none.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.providers.client import BaseURL, ClientSettings, ScopeNames
from auth.providers.context import ProviderContext
from auth.providers.oauth2 import Endpoints, OAuth2Provider
from auth.providers.profile import clean_name, clean_subject, clean_text
from auth.providers.protocols import Profile
from auth.utils.secret_fields import OptionalSecret

_PICTURES: Final = "https://cdn.discordapp.com/avatars"
_SNOWFLAKE: Final = re.compile(r"[0-9]{1,20}")
_AVATAR: Final = re.compile(r"[A-Za-z0-9_]{1,64}")


class DiscordProviderSettings(ClientSettings):
    """Settings for signing in with Discord; `BELGIE_DISCORD_*`.

    Attributes:
        base_url: where Discord is.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_DISCORD_")

    client_secret: OptionalSecret = Field(default=...)
    scopes: ScopeNames = ("identify", "email")
    label: str | None = "Discord"
    base_url: BaseURL = "https://discord.com"

    def make_provider(self, context: ProviderContext) -> OAuth2Provider:
        """Return the provider."""
        endpoints = Endpoints(
            authorization=f"{self.base_url}/oauth2/authorize",
            token=f"{self.base_url}/api/oauth2/token",
            userinfo=f"{self.base_url}/api/v10/users/@me",
        )
        return OAuth2Provider(self, context, endpoints, to_profile)


def to_profile(user: Mapping[str, Any]) -> Profile:
    """Return the profile of a user object."""
    return Profile(
        provider_account_id=clean_subject(user.get("id")),
        email=clean_text(user.get("email")),
        email_verified=user.get("verified") is True,
        name=clean_name(user.get("global_name")) or clean_name(user.get("username")),
        image=_picture(user.get("id"), user.get("avatar")),
    )


def _picture(user_id: object, avatar: object) -> str | None:
    if not isinstance(user_id, str) or not _SNOWFLAKE.fullmatch(user_id):
        return None
    if not isinstance(avatar, str) or not _AVATAR.fullmatch(avatar):
        return None
    return f"{_PICTURES}/{user_id}/{avatar}.png"
