"""Optional: a user's accounts."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable
from uuid import UUID

from proto.account import AccountProtocol
from proto.connection import DBConnection


@runtime_checkable
class UserAccountsProtocol[AccountT: AccountProtocol](Protocol):
    """An adapter that can list a user's accounts and remove one."""

    async def list_accounts(self, db: DBConnection, user_id: UUID) -> Sequence[AccountT]:
        """Return the user's accounts, the oldest first."""
        ...

    async def delete_account(self, db: DBConnection, user_id: UUID, provider: str) -> bool:
        """Delete the user's account at this provider; true if it was there."""
        ...
