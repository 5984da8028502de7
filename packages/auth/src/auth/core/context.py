"""The parts of one `Auth`, put together and checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response

from auth.core.capabilities import Capabilities
from auth.core.exceptions import NotFoundError
from auth.core.flow import FlowCookies
from auth.core.hooks import HookRunner
from auth.core.linking import LinkingPolicy
from auth.core.origin import OriginPolicy
from auth.core.settings import AuthSettings
from auth.providers.protocols import ProviderProtocol
from auth.session.cookie import SessionCookie
from auth.session.identity_cookie import IdentityCookie
from auth.session.manager import SessionManager
from auth.utils.clock import Clock
from auth.utils.tasks import KeyedLocks
from auth.utils.urls import RedirectPolicy
from auth.utils.vault import Vault
from proto import AccountProtocol, AdapterProtocol, OAuthStateProtocol, SessionProtocol, UserProtocol


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredProvider:
    """A provider under the id by which the application knows it.

    Attributes:
        id: as it stands in the URLs and in the accounts.
        provider: what answers.
        redirect_uri: where it sends the browser back.
        label: the name on a sign-in button.
        answers_by_post: whether it answers with a form (`response_mode=form_post`).
    """

    id: str
    provider: ProviderProtocol
    redirect_uri: str
    label: str
    answers_by_post: bool


@dataclass(frozen=True, kw_only=True)  # no slots: generic ones break on Python 3.12
class AuthContext[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Everything that the flow, the client and the routes share."""

    settings: AuthSettings
    adapter: AdapterProtocol[UserT, AccountT, SessionT, OAuthStateT]
    capabilities: Capabilities[UserT, AccountT, SessionT]
    sessions: SessionManager[UserT, SessionT]
    hooks: HookRunner
    providers: Mapping[str, RegisteredProvider]
    session_cookie: SessionCookie
    identity_cookie: IdentityCookie | None
    flow_cookies: FlowCookies
    redirects: RedirectPolicy
    origins: OriginPolicy
    linking: LinkingPolicy
    vault: Vault
    clock: Clock
    is_active: Callable[[UserT], bool] | None
    renewals: KeyedLocks = field(default_factory=KeyedLocks)

    def allows(self, user: UserT) -> bool:
        """Whether the user may be signed in."""
        return self.is_active is None or self.is_active(user)

    def take_cookies(self, response: Response) -> None:
        """Make `response` sign the browser out."""
        self.session_cookie.delete(response)
        if self.identity_cookie is not None:
            self.identity_cookie.delete(response)

    def provider(self, provider_id: str) -> RegisteredProvider:
        """Return the provider with this id.

        Raises:
            NotFoundError: `unknown_provider`.
        """
        found = self.providers.get(provider_id)
        if found is None:
            raise NotFoundError("the application has no such provider", code="unknown_provider")
        return found
