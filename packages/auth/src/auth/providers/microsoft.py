"""Microsoft Entra ID and personal Microsoft accounts.

Sources: https://learn.microsoft.com/entra/identity-platform/id-token-claims-reference,
https://learn.microsoft.com/entra/identity-platform/optional-claims-reference and
https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-issuer. Any administrator can write any
address into `email`; only the optional claim `xms_edov` vouches for it. `sub` is unique within a tenant only.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from pydantic import field_validator
from pydantic_settings import SettingsConfigDict

from auth.core.exceptions import OAuthError
from auth.providers.client import BaseURL
from auth.providers.context import ProviderContext
from auth.providers.id_token import IdToken
from auth.providers.oidc import OIDCProvider, OpenIDClientSettings, Quirks
from auth.providers.protocols import Profile

_PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
_SHARED: Final = frozenset({"common", "organizations"})
_WORDS: Final = _SHARED | {"consumers"}
_GUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TRUE: Final[tuple[object, ...]] = (True, "true", "1")  # documented as a boolean, and seen as text


class MicrosoftProviderSettings(OpenIDClientSettings):
    """Settings for signing in with Microsoft; `BELGIE_MICROSOFT_*`.

    Attributes:
        tenant: whose users may sign in: a tenant's id, `organizations` for all tenants, `consumers` for personal
            accounts, `common` for both.
        allowed_tenants: with `common` or `organizations`, accept only these tenants' users, by the verified claim.
        base_url: where Microsoft is; another address for a national cloud.
    """

    model_config = SettingsConfigDict(env_prefix="BELGIE_MICROSOFT_")

    userinfo: Literal["auto", "always", "never"] = "never"
    label: str | None = "Microsoft"
    tenant: str = "common"
    allowed_tenants: frozenset[str] = frozenset()
    base_url: BaseURL = "https://login.microsoftonline.com"

    @field_validator("tenant", "allowed_tenants")
    @classmethod
    def _check_tenants[T: (str, frozenset[str])](cls, value: T) -> T:
        ids = {value} - _WORDS if isinstance(value, str) else value
        if not all(_GUID.fullmatch(one) for one in ids):
            raise ValueError("expected a GUID in lower case; tenant may be common, organizations or consumers, too")
        return value

    def make_provider(self, context: ProviderContext) -> "MicrosoftProvider":
        """Return the provider."""
        return MicrosoftProvider(self, context)


class MicrosoftProvider(OIDCProvider):
    """Microsoft as the sign-in flow uses it."""

    def __init__(self, settings: MicrosoftProviderSettings, context: ProviderContext) -> None:
        self._before, self._after = f"{settings.base_url}/", "/v2.0"
        self._tenant = _PERSONAL if settings.tenant == "consumers" else settings.tenant
        self._allowed = settings.allowed_tenants
        shared = self._tenant in _SHARED
        named = self._issuer_of("{tenantid}" if shared else self._tenant)
        quirks = Quirks(described_issuer=named, issuer_template=named if shared else None)
        super().__init__(settings, context, self._issuer_of(settings.tenant), quirks)

    def is_issuer(self, issuer: str) -> bool:
        """Whether the issuer is the tenant, or one of the tenants."""
        tenant = issuer.removeprefix(self._before).removesuffix(self._after)
        return self._accepts(tenant) and issuer == self._issuer_of(tenant)

    def profile(self, token: IdToken, claims: Mapping[str, Any]) -> Profile:
        """Return the profile, with an address that counts as verified only if the tenant has proved its domain."""
        tenant = token.claims.get("tid")
        if not isinstance(tenant, str) or not _GUID.fullmatch(tenant) or token.issuer != self._issuer_of(tenant):
            raise OAuthError("invalid_id_token", "id_token refused: tid is not the tenant of the issuer")
        if not self._accepts(tenant):
            raise OAuthError("access_denied", "not a user of an allowed tenant")
        return replace(
            super().profile(token, claims),
            provider_account_id=f"{tenant}:{token.subject}",
            email_verified=token.claims.get("xms_edov") in _TRUE,
        )

    def _accepts(self, tenant: str) -> bool:
        if self._allowed and tenant not in self._allowed:
            return False
        if self._tenant in _SHARED:
            return bool(_GUID.fullmatch(tenant)) and (self._tenant == "common" or tenant != _PERSONAL)
        return tenant == self._tenant

    def _issuer_of(self, tenant: str) -> str:
        return f"{self._before}{tenant}{self._after}"
