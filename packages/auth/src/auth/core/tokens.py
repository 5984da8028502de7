"""A valid access token for a provider's API, renewed when it has expired."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from auth.core.context import AuthContext, RegisteredProvider
from auth.core.events import log_event
from auth.core.exceptions import ConfigurationError, NotFoundError, OAuthError
from auth.core.token_store import TokenStore
from auth.providers.protocols import RefreshProtocol, TokenSet
from auth.utils.clock import as_utc
from auth.utils.tasks import finish
from proto import AccountProtocol, DBConnection, OAuthStateProtocol, SessionProtocol, UserProtocol

_LEEWAY: Final = timedelta(seconds=60)
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
# Seconds until the account is looked at again: a process that was faster has its tokens, and is about to store them.
_PATIENCE: Final = (0.0, 0.1, 0.3, 0.9)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An account's tokens at one moment: the row itself changes when it is read again."""

    access_token: str | None = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime

    @classmethod
    def by(cls, account: AccountProtocol, store: TokenStore) -> Self:
        return cls(
            access_token=store.open("access_token", account),
            refresh_token=store.open("refresh_token", account),
            expires_at=as_utc(account.expires_at) if account.expires_at is not None else _NEVER,
        )


class AccessTokens[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
]:
    """Finds users' access tokens, and renews them: once, however many ask at the time."""

    def __init__(self, context: AuthContext[UserT, AccountT, SessionT, OAuthStateT]) -> None:
        self._context = context
        self._store = TokenStore(context.settings, context.vault)

    async def get(self, db: DBConnection, user_id: UUID, provider_id: str) -> str:
        """Return a token that is valid for another minute at least, as far as the provider has said.

        Raises:
            ConfigurationError: the settings do not keep tokens.
            NotFoundError: there is no such provider, or the user has no account there.
            OAuthError: `provider_token_expired`, or what the provider's answer to the renewal was.
        """
        registered = self._context.provider(provider_id)
        if not self._store.keeps:
            raise ConfigurationError("no tokens are kept: set provider_tokens to 'encrypt'")
        token = self._valid(await self._held(db, user_id, provider_id))
        if token is not None:
            return token
        await self._give_back(db)
        async with self._context.renewals.of(user_id, provider_id):
            # to its end: a refresh token is often used up by the request, and the next one must not get lost
            return await finish(self._renew(db, user_id, registered))

    async def _renew(self, db: DBConnection, user_id: UUID, registered: RegisteredProvider) -> str:
        before = await self._held(db, user_id, registered.id)
        token = self._valid(before)
        if token is not None:  # by a task that was before us
            return token
        await self._give_back(db)
        if before.refresh_token is None or not isinstance(registered.provider, RefreshProtocol):
            raise OAuthError("provider_token_expired", "there is nothing to renew the token with")
        try:
            tokens = await registered.provider.refresh(before.refresh_token)
        except OAuthError as error:
            token = await self._renewed_elsewhere(db, user_id, registered.id, error)
            if token is None:
                raise
            return token
        token = await self._keep(db, user_id, registered.id, tokens)
        log_event("renewal", user_id=user_id, provider=registered.id)
        return token

    async def _keep(self, db: DBConnection, user_id: UUID, provider_id: str, tokens: TokenSet) -> str:
        """Store the tokens, unless others that live longer were stored meanwhile."""
        token: str | None = None
        async with self._context.capabilities.transaction(db):
            account = await self._context.adapter.get_account_by_user_and_provider(db, user_id, provider_id)
            if account is not None:
                now = _Held.by(account, self._store)
                token = self._valid(now) if now.expires_at > (tokens.expires_at or _NEVER) else None
                if token is None:
                    token = tokens.access_token
                    changes = self._store.changes(tokens, account)
                    await self._context.adapter.update_account(db, user_id, provider_id, **changes)
        if token is None:
            raise _no_account()
        return token

    async def _renewed_elsewhere(
        self, db: DBConnection, user_id: UUID, provider_id: str, error: OAuthError
    ) -> str | None:
        """Return the token of another process, which was faster with the same refresh token."""
        for delay in _PATIENCE if error.code == "provider_token_expired" else _PATIENCE[:1]:
            await asyncio.sleep(delay)
            now = await self._held(db, user_id, provider_id)
            await self._give_back(db)
            token = self._valid(now)
            if token is not None:
                return token
        return None

    async def _held(self, db: DBConnection, user_id: UUID, provider_id: str) -> _Held:
        account = await self._context.adapter.get_account_by_user_and_provider(db, user_id, provider_id)
        if account is None:
            raise _no_account()
        return _Held.by(account, self._store)

    async def _give_back(self, db: DBConnection) -> None:
        """Let no connection wait for the provider or for another task: the end of a transaction gives it back."""
        async with self._context.capabilities.transaction(db):
            pass

    def _valid(self, held: _Held) -> str | None:
        return held.access_token if self._context.clock() + _LEEWAY < held.expires_at else None


def _no_account() -> NotFoundError:
    return NotFoundError("the user has no account at this provider")
