"""From a provider's profile to a user: found, linked or new; all of it, or nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from starlette.requests import HTTPConnection

from auth.core.context import AuthContext
from auth.core.exceptions import OAuthError
from auth.core.hooks import HookContext
from auth.core.request import client_address, user_agent
from auth.core.token_store import TokenStore
from auth.providers.protocols import Profile, TokenSet
from auth.utils.email import normalize_email
from proto import (
    AccountProtocol,
    ConflictError,
    DBConnection,
    OAuthStateProtocol,
    SessionProtocol,
    UserProtocol,
)

_MAXIMUM_ACCOUNT_ID: Final = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Somebody whom a provider has vouched for.

    Attributes:
        provider_id: the provider's id.
        profile: what the provider said.
        tokens: what the provider gave.
        connection: the callback's request.
        replaces: the session that the browser showed; it ends when the new one begins.
    """

    provider_id: str
    profile: Profile
    tokens: TokenSet = field(repr=False)
    connection: HTTPConnection = field(repr=False)
    replaces: UUID | None = None


@dataclass(frozen=True, kw_only=True)  # no slots: generic ones break on Python 3.12
class SignedIn[UserT: UserProtocol[Any], SessionT: SessionProtocol]:
    """A finished sign-in."""

    user: UserT
    session: SessionT
    is_new: bool


class AccountResolver[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Decides who signs in, and writes it down."""

    def __init__(self, context: AuthContext[UserT, AccountT, SessionT, OAuthStateT]) -> None:
        self._context = context
        self._adapter = context.adapter
        self._tokens = TokenStore(context.settings, context.vault)

    async def sign_in(self, db: DBConnection, arrival: Arrival) -> SignedIn[UserT, SessionT]:
        """Find or make the user, and begin a session.

        Raises:
            OAuthError: `account_not_linked`, `email_required`, `invalid_email`, `account_disabled`.
            HookError: a hook refused the sign-up.
        """
        check_account_id(arrival.profile.provider_account_id)
        try:
            async with self._context.capabilities.transaction(db):
                return await self._sign_in(db, arrival)
        except ConflictError:
            # A parallel sign-in was first. If it made this very account, go on with that; an address proves nothing.
            async with self._context.capabilities.transaction(db):
                found = await self._find(db, arrival)
                if found is None:
                    raise _not_linked() from None
                return await self._known(db, arrival, *found)

    async def link(self, db: DBConnection, arrival: Arrival, user: UserT) -> None:
        """Give `user` the account.

        Raises:
            OAuthError: `account_in_use` by another user, or `provider_already_linked` with another account.
        """
        check_account_id(arrival.profile.provider_account_id)
        user_id = user.id  # a conflict undoes the transaction, and with it what the row had loaded
        try:
            async with self._context.capabilities.transaction(db):
                found = await self._find(db, arrival)
                _require_owner(found, user_id)
                if found is not None:
                    await self._update_account(db, arrival, found[0])
                else:
                    await self._create_account(db, arrival, user_id)
        except ConflictError:
            found = await self._find(db, arrival)
            _require_owner(found, user_id)
            if found is None:
                raise OAuthError("provider_already_linked") from None

    async def _sign_in(self, db: DBConnection, arrival: Arrival) -> SignedIn[UserT, SessionT]:
        found = await self._find(db, arrival)
        if found is not None:
            return await self._known(db, arrival, *found)
        email = _address(arrival.profile)
        user = await self._adapter.get_user_by_email(db, email)
        if user is None:
            return await self._sign_up(db, arrival, email)
        return await self._join(db, arrival, user)

    async def _find(self, db: DBConnection, arrival: Arrival) -> tuple[AccountT, UserT] | None:
        provider, account_id = arrival.provider_id, arrival.profile.provider_account_id
        if self._context.capabilities.account_user is not None:
            return await self._context.capabilities.account_user.get_account_and_user(db, provider, account_id)
        account = await self._adapter.get_account(db, provider, account_id)
        user = await self._adapter.get_user_by_id(db, account.user_id) if account is not None else None
        return (account, user) if account is not None and user is not None else None

    async def _known(
        self,
        db: DBConnection,
        arrival: Arrival,
        account: AccountT,
        user: UserT,
    ) -> SignedIn[UserT, SessionT]:
        self._require_active(user)
        await self._update_account(db, arrival, account)
        return SignedIn(user=user, session=await self._begin_session(db, arrival, user), is_new=False)

    async def _join(self, db: DBConnection, arrival: Arrival, user: UserT) -> SignedIn[UserT, SessionT]:
        """Link an unknown account to the user who has its address, if the policy allows it."""
        if not self._context.linking.may_link(provider=arrival.provider_id, profile=arrival.profile, user=user):
            raise _not_linked()
        self._require_active(user)
        if not user.email_verified:
            user = await self._shut_others_out(db, user)
        await self._create_account(db, arrival, user.id)
        return SignedIn(user=user, session=await self._begin_session(db, arrival, user), is_new=False)

    async def _shut_others_out(self, db: DBConnection, user: UserT) -> UserT:
        """End what whoever registered the address without proving it has: the sessions, and the ways to sign in."""
        sessions, accounts = self._context.capabilities.user_sessions, self._context.capabilities.user_accounts
        if sessions is None or accounts is None:  # an adapter that cannot do that
            raise _not_linked()
        for account in await accounts.list_accounts(db, user.id):
            await accounts.delete_account(db, user.id, account.provider)
        await sessions.delete_sessions(db, user.id)
        return await self._adapter.update_user(db, user.id, email_verified=True) or user

    async def _sign_up(self, db: DBConnection, arrival: Arrival, email: str) -> SignedIn[UserT, SessionT]:
        profile = arrival.profile
        user = await self._adapter.create_user(
            db,
            email,
            profile.name,
            profile.image,
            email_verified=profile.email_verified,
        )
        async with self._undone_on_failure(db, user.id):
            context = HookContext(
                user=user,
                db=db,
                request=arrival.connection,
                provider=arrival.provider_id,
                profile=profile,
            )
            async with self._context.hooks.dispatch("on_signup", context):
                await self._create_account(db, arrival, user.id)
                session = await self._begin_session(db, arrival, user)
        return SignedIn(user=user, session=session, is_new=True)

    @asynccontextmanager
    async def _undone_on_failure(self, db: DBConnection, user_id: UUID) -> AsyncGenerator[None]:
        """Without a transaction, take the new user back when the rest fails."""
        try:
            yield
        except BaseException:
            if self._context.capabilities.transactions is None:
                await self._adapter.delete_user(db, user_id)
            raise

    async def _begin_session(self, db: DBConnection, arrival: Arrival, user: UserT) -> SessionT:
        if arrival.replaces is not None:
            await self._adapter.delete_session(db, arrival.replaces)
        connection = arrival.connection
        return await self._context.sessions.create_session(
            db,
            user.id,
            ip_address=client_address(connection, self._context.settings.trusted_proxies),
            user_agent=user_agent(connection),
        )

    async def _create_account(self, db: DBConnection, arrival: Arrival, user_id: UUID) -> None:
        account_id = arrival.profile.provider_account_id
        fields = self._tokens.fields(arrival.tokens, arrival.provider_id, account_id)
        await self._adapter.create_account(db, user_id, arrival.provider_id, account_id, **fields)

    async def _update_account(self, db: DBConnection, arrival: Arrival, account: AccountT) -> None:
        changes = self._tokens.changes(arrival.tokens, account)
        if changes:
            await self._adapter.update_account(db, account.user_id, account.provider, **changes)

    def _require_active(self, user: UserT) -> None:
        if not self._context.allows(user):
            raise OAuthError("account_disabled")


def check_account_id(account_id: str) -> None:
    """Refuse a subject that could not be stored and found again exactly.

    Raises:
        OAuthError: `invalid_userinfo`.
    """
    if not 0 < len(account_id) <= _MAXIMUM_ACCOUNT_ID or not account_id.isprintable():
        raise OAuthError("invalid_userinfo", "the subject is empty, too long or not printable")


def _address(profile: Profile) -> str:
    if profile.email is None:
        raise OAuthError("email_required")
    try:
        return normalize_email(profile.email)
    except ValueError as error:
        raise OAuthError("invalid_email") from error


def _not_linked() -> OAuthError:
    return OAuthError("account_not_linked")


def _require_owner(found: tuple[AccountProtocol, UserProtocol[Any]] | None, user_id: UUID) -> None:
    if found is not None and found[1].id != user_id:
        raise OAuthError("account_in_use")
