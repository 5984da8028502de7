"""The sign-in: authorization code flow with PKCE, state, nonce and browser binding, for every provider alike.

Three steps. `start` opens a flow and says where to send the browser. `claim` takes the flow that an answer belongs to
out of the store, exactly once, before anything is asked of the provider; what fails up to here says nothing to anybody
but `invalid_state`. `complete` asks the provider who it is and begins the session.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from starlette.requests import HTTPConnection

from auth.core.accounts import AccountResolver, Arrival, SignedIn
from auth.core.context import AuthContext, RegisteredProvider
from auth.core.events import escape, log_event, logger
from auth.core.exceptions import InvalidStateError, OAuthError
from auth.core.flow import Flow
from auth.core.hooks import HookContext
from auth.providers.protocols import AuthorizationRequest, CodeExchange, NameInAnswerProtocol
from auth.utils.clock import as_utc
from auth.utils.crypto import code_challenge, generate_code_verifier
from proto import (
    AccountProtocol,
    DBConnection,
    OAuthStateProtocol,
    SessionProtocol,
    UserProtocol,
)

type Answer = Mapping[str, Sequence[str]]
"""The parameters of the provider's answer, each with all its values."""

# What the standard calls it, Apple and LinkedIn.
_DENIED: Final = frozenset({"access_denied", "user_cancelled_authorize", "user_cancelled_login"})
_CODE: Final = re.compile(r"[\x20-\x7e]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """An open flow, and where to send the browser."""

    flow: Flow
    url: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)  # no slots: generic ones break on Python 3.12
class Claimed[UserT: UserProtocol[Any]]:
    """A flow that was taken out of the store, for this one answer."""

    flow: Flow
    registered: RegisteredProvider
    code_verifier: str = field(repr=False)
    redirect_url: str | None
    link_to: UserT | None = field(repr=False)
    session_id: UUID | None


class SignIn[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """The flow over one `AuthContext`."""

    def __init__(self, context: AuthContext[UserT, AccountT, SessionT, OAuthStateT]) -> None:
        self._context = context
        self._accounts = AccountResolver(context)
        self._purged_at = context.clock()

    async def start(
        self,
        db: DBConnection,
        provider_id: str,
        *,
        redirect_url: str | None = None,
        link_to: UserT | None = None,
        session_id: UUID | None = None,
    ) -> Started:
        """Open a flow.

        Args:
            db: the connection.
            provider_id: which provider to ask.
            redirect_url: where to go when it is done; None for the settings' default.
            link_to: the user who gets the account, if this is not to sign in.
            session_id: the browser's session, if the provider's answer will come without its cookie.

        Raises:
            NotFoundError: `unknown_provider`.
            OAuthError: `invalid_redirect`, or what the provider raises.
        """
        registered = self._context.provider(provider_id)
        self.check_redirect(redirect_url)
        flow = self._context.flow_cookies.open("signin" if link_to is None else "link", session_id)
        verifier = generate_code_verifier()
        # the provider first: no connection waits for it, and no row is left if it does not answer
        url = await registered.provider.authorization_url(
            AuthorizationRequest(
                state=flow.state,
                nonce=flow.nonce,
                code_challenge=code_challenge(verifier),
                redirect_uri=registered.redirect_uri,
            ),
        )
        now = self._context.clock()
        await self._context.adapter.create_oauth_state(
            db,
            flow.stored_state(provider_id, link_to.id if link_to is not None else None),
            expires_at=now + timedelta(seconds=self._context.settings.state_max_age),
            code_verifier=verifier,
            redirect_url=redirect_url,
        )
        await self._purge(db, now)
        return Started(flow=flow, url=url)

    def check_redirect(self, redirect_url: str | None) -> None:
        """Refuse a way back that does not lead into the application.

        Raises:
            OAuthError: `invalid_redirect`.
        """
        if redirect_url is not None and not self._context.redirects.is_allowed(redirect_url):
            raise OAuthError("invalid_redirect")

    async def claim(
        self,
        db: DBConnection,
        provider_id: str,
        answer: Answer,
        connection: HTTPConnection,
    ) -> Claimed[UserT]:
        """Take the flow of an answer out of the store; of any number of parallel callers one succeeds.

        Raises:
            NotFoundError: `unknown_provider`.
            InvalidStateError: there is no such flow in this browser for this provider, it is over, or it has expired.
        """
        registered = self._context.provider(provider_id)
        flow = self._context.flow_cookies.read(connection, _single(answer, "state") or "")
        if flow is None:
            raise InvalidStateError
        session_id = self._context.session_cookie.read(connection)
        if session_id is None and registered.answers_by_post:
            session_id = flow.session_id
        link_to = await self._user_to_link(db, session_id) if flow.purpose == "link" else None
        key = flow.stored_state(provider_id, link_to.id if link_to is not None else None)
        stored = await self._context.adapter.get_oauth_state(db, key)
        if stored is None or not await self._context.adapter.delete_oauth_state(db, key):
            raise InvalidStateError(code="invalid_state" if link_to is None else "link_session_mismatch")
        if self._context.clock() >= as_utc(stored.expires_at):
            raise InvalidStateError(code="expired_state")
        return Claimed(
            flow=flow,
            registered=registered,
            code_verifier=stored.code_verifier or "",
            redirect_url=stored.redirect_url,
            link_to=link_to,
            session_id=session_id,
        )

    async def complete(
        self,
        db: DBConnection,
        claimed: Claimed[UserT],
        answer: Answer,
        connection: HTTPConnection,
    ) -> SignedIn[UserT, SessionT] | None:
        """Ask the provider who it is, and begin a session; None if the account was linked instead.

        Raises:
            OAuthError: what the provider, the profile or the linking policy says against it.
        """
        registered = claimed.registered
        arrival = await self._ask_provider(claimed, answer, connection)
        if claimed.link_to is not None:
            await self._accounts.link(db, arrival, claimed.link_to)
            log_event("link", user_id=claimed.link_to.id, provider=registered.id)
            return None
        result = await self._accounts.sign_in(db, arrival)
        if result.is_new:
            log_event("signup", user_id=result.user.id, provider=registered.id)
        log_event("signin", user_id=result.user.id, provider=registered.id)
        hook_context = HookContext(
            user=result.user,
            db=db,
            request=connection,
            provider=registered.id,
            profile=arrival.profile,
        )
        async with self._context.hooks.dispatch("on_signin", hook_context):
            pass
        return result

    def destination(self, claimed: Claimed[UserT], result: SignedIn[UserT, SessionT] | None) -> str:
        """Return where the browser goes now; the stored address is checked again, as the settings may have changed."""
        target = claimed.redirect_url
        redirects = self._context.redirects
        if target is not None and redirects.is_allowed(target) and not redirects.is_reserved(target):
            return target
        urls = self._context.settings.urls
        if result is not None and result.is_new and urls.signup_redirect is not None:
            return urls.signup_redirect
        return urls.signin_redirect

    async def _ask_provider(self, claimed: Claimed[UserT], answer: Answer, connection: HTTPConnection) -> Arrival:
        registered = claimed.registered
        provider = registered.provider
        await provider.check_issuer(_single(answer, "iss") if "iss" in answer else None)
        if "error" in answer:
            raise _provider_error(answer, registered.id)
        code = _single(answer, "code")
        if code is None or not _CODE.fullmatch(code):
            reason = "invalid_callback"
            raise OAuthError(reason)
        tokens = await provider.exchange_code(
            CodeExchange(code=code, code_verifier=claimed.code_verifier, redirect_uri=registered.redirect_uri),
        )
        profile = await provider.fetch_profile(tokens, nonce=claimed.flow.nonce)
        if profile.name is None and isinstance(provider, NameInAnswerProtocol):
            profile = replace(profile, name=provider.name_in_answer(answer))
        return Arrival(
            provider_id=registered.id,
            profile=profile,
            tokens=tokens,
            connection=connection,
            replaces=claimed.session_id,
        )

    async def _user_to_link(self, db: DBConnection, session_id: UUID | None) -> UserT:
        found = await self._context.sessions.get_session_and_user(db, session_id) if session_id is not None else None
        if found is None or not self._context.allows(found[1]):
            raise InvalidStateError(code="link_session_mismatch")
        return found[1]

    async def _purge(self, db: DBConnection, now: datetime) -> None:
        """Clear away flows that nobody finished, once per lifetime of a flow."""
        cleanup = self._context.capabilities.state_cleanup
        if cleanup is not None and now - self._purged_at >= timedelta(seconds=self._context.settings.state_max_age):
            self._purged_at = now
            await cleanup.delete_expired_oauth_states(db)


def _single(answer: Answer, name: str) -> str | None:
    """Return the parameter's value if it has exactly one; an empty text, which equals nothing, if it has several."""
    values = answer.get(name, ())
    return values[0] if len(values) == 1 else "" if values else None


def _provider_error(answer: Answer, provider_id: str) -> OAuthError:
    text = _single(answer, "error") or ""
    logger.warning(
        "the provider answered with an error",
        extra={
            "event": "provider_error",
            "provider": provider_id,
            "provider_error": escape(text),
            "provider_error_description": escape(_single(answer, "error_description") or ""),
        },
    )
    return OAuthError("access_denied" if text in _DENIED else "provider_error")
