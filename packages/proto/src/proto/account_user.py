"""Optional: an account and its user in one query."""

from typing import Any, Protocol, runtime_checkable

from proto.account import AccountProtocol
from proto.connection import DBConnection
from proto.user import UserProtocol


@runtime_checkable
class AccountUserProtocol[UserT: UserProtocol[Any], AccountT: AccountProtocol](Protocol):
    """An adapter that finds who signs in with one round trip."""

    async def get_account_and_user(
        self,
        db: DBConnection,
        provider: str,
        provider_account_id: str,
    ) -> tuple[AccountT, UserT] | None:
        """Return the account with this subject at this provider, and its user."""
        ...
