"""Facebook.

Sources: https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow and
https://developers.facebook.com/docs/graph-api/reference/user. Scopes are separated by commas. The Graph API would take
the token and the secret in the URL; here they go into a header and a body. Facebook does not say whether it checked
the address, and leaves it out for accounts made by phone, so it never links to a user who is there already.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.providers.client import BaseURL, ClientSettings, ScopeNames
from auth.providers.context import ProviderContext
from auth.providers.oauth2 import Endpoints, OAuth2Provider
from auth.providers.profile import clean_image, clean_name, clean_subject, clean_text
from auth.providers.protocols import Profile
from auth.utils.secret_fields import OptionalSecret


class FacebookProviderSettings(ClientSettings):
    """Settings for signing in with Facebook; `BELGIE_FACEBOOK_*`.

    Attributes:
        api_version: the version of the Graph API.
        base_url: where Facebook is.
        graph_url: where its Graph API is.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_FACEBOOK_")

    client_secret: OptionalSecret = Field(default=...)
    scopes: ScopeNames = ("email", "public_profile")
    label: str | None = "Facebook"
    api_version: str = Field(default="v23.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")
    base_url: BaseURL = "https://www.facebook.com"
    graph_url: BaseURL = "https://graph.facebook.com"

    def make_provider(self, context: ProviderContext) -> OAuth2Provider:
        """Return the provider."""
        graph = f"{self.graph_url}/{self.api_version}"
        endpoints = Endpoints(
            authorization=f"{self.base_url}/{self.api_version}/dialog/oauth",
            token=f"{graph}/oauth/access_token",
            userinfo=f"{graph}/me?fields=id,name,email,picture.type(large)",
        )
        return OAuth2Provider(self, context, endpoints, to_profile, scope_separator=",")


def to_profile(user: Mapping[str, Any]) -> Profile:
    """Return the profile of a Graph API user; its address is never one that Facebook vouches for."""
    return Profile(
        provider_account_id=clean_subject(user.get("id")),
        email=clean_text(user.get("email")),
        name=clean_name(user.get("name")),
        image=_picture(user.get("picture")),
    )


def _picture(picture: Any) -> str | None:
    data = picture["data"] if picture is not None else {"is_silhouette": True}
    return None if data.get("is_silhouette") is True else clean_image(data.get("url"))
