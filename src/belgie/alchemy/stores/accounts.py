"""The adapter's methods on accounts."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import Executable, select

from belgie.alchemy.table import Table, read
from belgie.alchemy.transaction import guarded, session_of
from proto import AccountProtocol, DBConnection, UserProtocol

__all__ = ["AccountStore"]


class AccountStore[UserT: UserProtocol[Any], AccountT: AccountProtocol]:
    """Creates, finds, changes and removes users' accounts at providers."""

    _users: Table[UserT]
    _accounts: Table[AccountT]

    async def create_account(
        self,
        db: DBConnection,
        user_id: UUID,
        provider: str,
        provider_account_id: str,
        **tokens: Any,
    ) -> AccountT:
        """Store a user's account at a provider.

        Raises:
            TypeError: a field that does not exist or must not be set; nothing was written.
            ConflictError: the account exists, or the user has one at this provider.
            AdapterError: there is no such user.
            InvalidValueError: a value that the database cannot hold.
        """
        self._accounts.refuse_others("create_account", tokens)
        return await self._accounts.insert(
            db,
            {"user_id": user_id, "provider": provider, "provider_account_id": provider_account_id, **tokens},
        )

    async def get_account(self, db: DBConnection, provider: str, provider_account_id: str) -> AccountT | None:
        """Return the account with this subject at this provider; both compare exactly, letter case included."""
        return await self._accounts.get(db, provider=provider, provider_account_id=provider_account_id)

    async def get_account_and_user(
        self,
        db: DBConnection,
        provider: str,
        provider_account_id: str,
    ) -> tuple[AccountT, UserT] | None:
        """Return the account with this subject at this provider, and its user, in one query."""
        session = session_of(db)
        parameters = self._accounts.sought({"provider": provider, "provider_account_id": provider_account_id})
        async with guarded(session):
            found = await read(session, self._account_and_user, parameters, self._accounts, self._users)
            row = found.unique().one_or_none()
        return None if row is None else (row[0], row[1])

    async def get_account_by_user_and_provider(
        self,
        db: DBConnection,
        user_id: UUID,
        provider: str,
    ) -> AccountT | None:
        """Return the user's account at this provider."""
        return await self._accounts.get(db, user_id=user_id, provider=provider)

    async def list_accounts(self, db: DBConnection, user_id: UUID) -> Sequence[AccountT]:
        """Return the user's accounts, the oldest first."""
        session = session_of(db)
        parameters = self._accounts.sought({"user_id": user_id})
        async with guarded(session):
            found = await read(session, self._accounts_of_user, parameters, self._accounts)
            return found.unique().scalars().all()

    async def update_account(self, db: DBConnection, user_id: UUID, provider: str, **tokens: Any) -> AccountT | None:
        """Change the stored tokens of an account, or the application's own fields, and return it.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
            InvalidValueError: a value that the database cannot hold.
        """
        self._accounts.refuse_others("update_account", tokens)
        if not tokens:
            return await self._accounts.get(db, user_id=user_id, provider=provider)
        return await self._accounts.update(db, tokens, user_id=user_id, provider=provider)

    async def delete_account(self, db: DBConnection, user_id: UUID, provider: str) -> bool:
        """Delete the user's account at this provider; true if it was there."""
        return await self._accounts.delete(db, user_id=user_id, provider=provider) > 0

    @cached_property
    def _account_and_user(self) -> Executable:
        accounts, users = self._accounts, self._users
        return (
            select(accounts.model, users.model)
            .join(users.model, users.column("id") == accounts.column("user_id"))
            .where(*accounts.conditions(("provider", "provider_account_id")))
        )

    @cached_property
    def _accounts_of_user(self) -> Executable:
        accounts = self._accounts
        return (
            select(accounts.model)
            .where(*accounts.conditions(("user_id",)))
            .order_by(accounts.column("created_at"), accounts.column("id"))
        )
