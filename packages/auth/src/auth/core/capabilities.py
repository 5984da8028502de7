"""What an adapter offers beyond the seventeen methods, found out once."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

from proto import (
    AccountProtocol,
    AccountUserProtocol,
    AdapterProtocol,
    DBConnection,
    IdentityProtocol,
    OAuthStateCleanupProtocol,
    SessionProtocol,
    TransactionProtocol,
    UserAccountsProtocol,
    UserProtocol,
    UserSessionsProtocol,
)


@dataclass(frozen=True, kw_only=True)  # no slots: generic ones break on Python 3.12
class Capabilities[UserT: UserProtocol[Any], AccountT: AccountProtocol, SessionT: SessionProtocol]:
    """The adapter once more, under each optional protocol that it implements; None where it does not."""

    account_user: AccountUserProtocol[UserT, AccountT] | None
    user_sessions: UserSessionsProtocol[SessionT] | None
    user_accounts: UserAccountsProtocol[AccountT] | None
    state_cleanup: OAuthStateCleanupProtocol | None
    transactions: TransactionProtocol | None
    identities: IdentityProtocol | None

    @classmethod
    def of(cls, adapter: AdapterProtocol[UserT, AccountT, SessionT, Any]) -> "Capabilities[UserT, AccountT, SessionT]":
        """Return what `adapter` offers."""
        offered: Any = adapter
        return Capabilities(
            account_user=cast("AccountUserProtocol[UserT, AccountT]", offered)
            if isinstance(offered, AccountUserProtocol)
            else None,
            user_sessions=cast("UserSessionsProtocol[SessionT]", offered)
            if isinstance(offered, UserSessionsProtocol)
            else None,
            user_accounts=cast("UserAccountsProtocol[AccountT]", offered)
            if isinstance(offered, UserAccountsProtocol)
            else None,
            state_cleanup=offered if isinstance(offered, OAuthStateCleanupProtocol) else None,
            transactions=offered if isinstance(offered, TransactionProtocol) else None,
            identities=offered if isinstance(offered, IdentityProtocol) else None,
        )

    def transaction(self, db: DBConnection) -> AbstractAsyncContextManager[Any]:
        """Return the adapter's transaction; without one, a block in which each call is permanent by itself."""
        return nullcontext() if self.transactions is None else self.transactions.transaction(db)
