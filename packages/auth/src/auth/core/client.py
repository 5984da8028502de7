"""Who is calling, and what can be done about their sessions and accounts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection

from auth.core.context import AuthContext
from auth.core.events import log_event
from auth.core.exceptions import (
    AuthenticationError,
    AuthorizationError,
    ConfigurationError,
    LastAccountError,
    NotFoundError,
    ReauthenticationError,
)
from auth.core.hooks import HookContext
from auth.core.tokens import AccessTokens
from auth.utils.clock import as_utc
from auth.utils.scopes import validate_scopes
from proto import (
    AccountProtocol,
    DBConnection,
    OAuthStateProtocol,
    SessionProtocol,
    UserAccountsProtocol,
    UserProtocol,
    UserSessionsProtocol,
)


class AuthClient[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """The operations on users, sessions and accounts, over one connection.

    A route gets its own by `Depends(auth)`; a script makes one by `auth.client(db)`. Its errors, left alone, become the
    HTTP answers of `auth.core.errors.ERRORS`.
    """

    def __init__(
        self,
        context: AuthContext[UserT, AccountT, SessionT, OAuthStateT],
        db: DBConnection,
        connection: HTTPConnection | None = None,
    ) -> None:
        self.db = db
        self._context = context
        self._connection = connection
        # A request is over before its answer is old; a script or a WebSocket would not notice that a session has ended.
        self._remembers = connection is not None and connection.scope["type"] == "http"
        self._found: dict[UUID, tuple[SessionT, UserT] | None] = {}

    async def get_user(self, security_scopes: SecurityScopes, request: HTTPConnection) -> UserT:
        """Return the signed-in user.

        Args:
            security_scopes: the scopes that the route needs; the user must have every one.
            request: the request, with the session cookie.

        Raises:
            AuthenticationError: nobody is signed in.
            AuthorizationError: the user lacks a scope.
        """
        user = (await self._require(request))[1]
        if not validate_scopes(user.scopes, security_scopes.scopes):
            raise AuthorizationError("the user lacks a scope that the route needs")
        return user

    async def get_session(self, request: HTTPConnection) -> SessionT:
        """Return the session of the request.

        Raises:
            AuthenticationError: nobody is signed in.
        """
        return (await self._require(request))[0]

    async def find(self, request: HTTPConnection) -> tuple[SessionT, UserT] | None:
        """Return the session of the request and its user; None if nobody is signed in.

        A WebSocket is looked at as a request that changes something: browsers open them across sites, with cookies.

        Raises:
            CrossOriginError: another site opened the WebSocket.
        """
        if request.scope["type"] == "websocket":
            self._context.origins.check(request)
        session_id = self._context.session_cookie.read(request)
        return None if session_id is None else await self._find(session_id)

    async def get_user_from_session(self, session_id: UUID) -> UserT | None:
        """Return the user of a session that has not ended."""
        found = await self._find(session_id)
        return None if found is None else found[1]

    async def require_fresh(self, request: HTTPConnection, max_age: int) -> UserT:
        """Return the signed-in user if the sign-in was not more than `max_age` seconds ago.

        Raises:
            AuthenticationError: nobody is signed in.
            ReauthenticationError: the sign-in is too long ago.
        """
        session, user = await self._require(request)
        if self._context.clock() - as_utc(session.created_at) > timedelta(seconds=max_age):
            raise ReauthenticationError(f"the route needs a sign-in within the last {max_age} seconds")
        return user

    async def sign_out(self, session_id: UUID) -> bool:
        """End a session; true if it was there."""
        found = self._found.get(session_id)
        if found is None:
            found = await self._context.sessions.read_session_and_user(self.db, session_id)
        self._found.clear()
        if found is None:
            return False
        user = found[1]
        ended = await self._context.sessions.delete_session(self.db, session_id)
        if ended:
            log_event("signout", user_id=user.id)
            async with self._context.hooks.dispatch("on_signout", self._hook_context(user)):
                pass
        return ended

    async def delete_user(self, user: UserT) -> bool:
        """Delete a user with all accounts and sessions; true if there was one.

        Raises:
            HookError: a hook of `on_delete` failed, and the user stays.
        """
        self._found.clear()
        user_id = user.id
        async with (
            self._context.capabilities.transaction(self.db),
            self._context.hooks.dispatch("on_delete", self._hook_context(user)),
        ):
            deleted = await self._context.adapter.delete_user(self.db, user_id)
        if deleted:
            log_event("delete", user_id=user_id)
        return deleted

    async def list_sessions(self, user: UserT) -> Sequence[SessionT]:
        """Return the user's sessions, the newest first.

        Raises:
            ConfigurationError: the adapter cannot list sessions.
        """
        return await self._user_sessions().list_sessions(self.db, user.id)

    async def revoke_session(self, user: UserT, session_id: UUID) -> None:
        """End one of the user's sessions.

        Raises:
            NotFoundError: the user has no such session; another user's is none of theirs.
        """
        session = await self._context.adapter.get_session(self.db, session_id)
        self._found.clear()
        if (
            session is None
            or session.user_id != user.id
            or not await self._context.sessions.delete_session(self.db, session_id)
        ):
            raise NotFoundError("the user has no such session")
        log_event("revoke", user_id=user.id)

    async def revoke_sessions(self, user: UserT, *, keep: UUID | None = None) -> int:
        """End all of the user's sessions but `keep`, and return how many that was.

        Raises:
            ConfigurationError: the adapter cannot do that.
        """
        self._found.clear()
        ended = await self._user_sessions().delete_sessions(self.db, user.id, keep=keep)
        log_event("revoke", user_id=user.id, count=ended)
        return ended

    async def rotate_session(self, session: SessionT) -> SessionT:
        """Replace a session by a new one, as is due when the user's rights change; the old cookie is worthless then.

        The caller gives the browser the new one: `auth.set_session_cookie(response, session)`. It begins now, and for
        `auth.fresh` that is a sign-in: rotate where the user has just proved who they are, or was given a right.

        Raises:
            AuthenticationError: the session has been ended meanwhile, so there is nothing to replace.
        """
        self._found.clear()
        async with self._context.capabilities.transaction(self.db):
            if await self._context.sessions.delete_session(self.db, session.id):
                return await self._context.sessions.create_session(
                    self.db,
                    session.user_id,
                    ip_address=session.ip_address,
                    user_agent=session.user_agent,
                )
        raise AuthenticationError("the session to be replaced has ended")

    async def list_accounts(self, user: UserT) -> Sequence[AccountT]:
        """Return the user's accounts, the oldest first.

        Raises:
            ConfigurationError: the adapter cannot list accounts.
        """
        return await self._user_accounts().list_accounts(self.db, user.id)

    async def unlink_account(self, user: UserT, provider: str) -> None:
        """Remove the user's account at a provider.

        Raises:
            NotFoundError: the user has no account there.
            LastAccountError: it is the only one, so the user could not sign in again.
            ConfigurationError: the adapter cannot do that.
        """
        accounts = self._user_accounts()
        async with self._context.capabilities.transaction(self.db):
            # A write to the user's row, so that two requests cannot each leave the other's account as the last one; to
            # a field that decides nothing, as the value may be a moment old.
            await self._context.adapter.update_user(self.db, user.id, image=user.image)
            held = [account.provider for account in await accounts.list_accounts(self.db, user.id)]
            if provider in held and len(held) > 1:
                await accounts.delete_account(self.db, user.id, provider)
        # out here, because undoing the transaction would make the caller's rows unreadable
        if provider not in held:
            raise NotFoundError("the user has no account at this provider")
        if len(held) == 1:
            raise LastAccountError("the account is the user's only way to sign in")
        log_event("unlink", user_id=user.id, provider=provider)

    async def access_token(self, user: UserT, provider: str) -> str:
        """Return an access token of the user for the provider's API, renewed if it has expired.

        If it must be renewed, what the connection holds is committed first, so that nobody waits for the provider with
        a connection in hand.

        Raises:
            ConfigurationError: the settings do not keep tokens (`provider_tokens`).
            NotFoundError: there is no such provider, or the user has no account there.
            OAuthError: `provider_token_expired` if the user has to sign in there again, or what the renewal met with.
        """
        return await AccessTokens(self._context).get(self.db, user.id, provider)

    async def _require(self, request: HTTPConnection) -> tuple[SessionT, UserT]:
        found = await self.find(request)
        if found is None:
            raise AuthenticationError("nobody is signed in")
        return found

    async def _find(self, session_id: UUID) -> tuple[SessionT, UserT] | None:
        """Look a session up, once in a request."""
        if session_id in self._found:
            return self._found[session_id]
        found = await self._context.sessions.get_session_and_user(self.db, session_id)
        allowed = found if found is not None and self._context.allows(found[1]) else None
        if self._remembers:
            self._found[session_id] = allowed
        return allowed

    def _hook_context(self, user: UserT) -> HookContext[UserT]:
        return HookContext(user=user, db=self.db, request=self._connection)

    def _user_sessions(self) -> UserSessionsProtocol[SessionT]:
        return _required(self._context.capabilities.user_sessions, "UserSessionsProtocol")

    def _user_accounts(self) -> UserAccountsProtocol[AccountT]:
        return _required(self._context.capabilities.user_accounts, "UserAccountsProtocol")


def _required[T](capability: T | None, name: str) -> T:
    if capability is None:
        raise ConfigurationError(f"the adapter does not implement proto.{name}")
    return capability
