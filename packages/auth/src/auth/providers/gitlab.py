"""GitLab, on gitlab.com or self-managed.

Source: https://docs.gitlab.com/integration/openid_connect_provider/. The issuer is the address of the installation.
"""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from auth.providers.client import BaseURL
from auth.providers.context import ProviderContext
from auth.providers.oidc import OIDCProvider, OpenIDClientSettings
from auth.utils.secret_fields import OptionalSecret


class GitLabProviderSettings(OpenIDClientSettings):
    """Settings for signing in with GitLab; `BELGIE_GITLAB_*`.

    Attributes:
        base_url: where GitLab is; the external URL of your own installation.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_GITLAB_")

    client_secret: OptionalSecret = Field(default=...)
    label: str | None = "GitLab"
    base_url: BaseURL = "https://gitlab.com"

    def make_provider(self, context: ProviderContext) -> OIDCProvider:
        """Return the provider."""
        return OIDCProvider(self, context, self.base_url)
