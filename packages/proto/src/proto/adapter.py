"""The seventeen methods that `auth` needs from a store."""

from datetime import datetime
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

from proto.account import AccountProtocol
from proto.connection import DBConnection
from proto.oauth_state import OAuthStateProtocol
from proto.session import SessionProtocol
from proto.user import UserProtocol


@runtime_checkable
class AdapterProtocol[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](Protocol):
    """A store of users, accounts, sessions and OAuth states.

    The first argument is the connection (`DBConnection`) of the request or script. A writing method is
    permanent when it returns, unless the adapter offers `TransactionProtocol` and the call is made inside a
    transaction. "Not there" is `None` or `False`; an exception means that nothing was written.

    Every method may raise `proto.UnavailableError` when the store does not answer. E-mail addresses arrive
    normalised; an adapter compares them without regard to the case of ASCII letters.
    """

    async def create_user(
        self,
        db: DBConnection,
        email: str,
        name: str | None = None,
        image: str | None = None,
        *,
        email_verified: bool = False,
    ) -> UserT:
        """Store a new user.

        Raises:
            ConflictError: a user has this address already.
        """
        ...

    async def get_user_by_id(self, db: DBConnection, user_id: UUID) -> UserT | None:
        """Return the user with this id."""
        ...

    async def get_user_by_email(self, db: DBConnection, email: str) -> UserT | None:
        """Return the user with this e-mail address."""
        ...

    async def update_user(self, db: DBConnection, user_id: UUID, **updates: Any) -> UserT | None:
        """Change fields of a user and return it.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
            ConflictError: another user has the new address.
        """
        ...

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
        """
        ...

    async def get_account(self, db: DBConnection, provider: str, provider_account_id: str) -> AccountT | None:
        """Return the account with this subject at this provider; both compare exactly, letter case included."""
        ...

    async def get_account_by_user_and_provider(
        self,
        db: DBConnection,
        user_id: UUID,
        provider: str,
    ) -> AccountT | None:
        """Return the user's account at this provider."""
        ...

    async def update_account(self, db: DBConnection, user_id: UUID, provider: str, **tokens: Any) -> AccountT | None:
        """Change the stored tokens of an account and return it.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
        """
        ...

    async def create_session(
        self,
        db: DBConnection,
        user_id: UUID,
        expires_at: datetime,
        ip_address: str | None = None,
        user_agent: str | None = None,
    ) -> SessionT:
        """Store a new session with a random (version 4) id."""
        ...

    async def get_session(self, db: DBConnection, session_id: UUID) -> SessionT | None:
        """Return the session with this id, expired or not."""
        ...

    async def update_session(self, db: DBConnection, session_id: UUID, **updates: Any) -> SessionT | None:
        """Change fields of a session and return it; never brings back one that was deleted meanwhile.

        Raises:
            TypeError: a field that does not exist or must not be changed; nothing was written.
        """
        ...

    async def delete_session(self, db: DBConnection, session_id: UUID) -> bool:
        """Delete a session; true if it was there."""
        ...

    async def delete_expired_sessions(self, db: DBConnection) -> int:
        """Delete the sessions whose `expires_at` has passed and return how many rows that was."""
        ...

    async def create_oauth_state(
        self,
        db: DBConnection,
        state: str,
        expires_at: datetime,
        code_verifier: str | None = None,
        redirect_url: str | None = None,
    ) -> OAuthStateT:
        """Store a pending authorization request.

        Raises:
            ConflictError: the state exists.
        """
        ...

    async def get_oauth_state(self, db: DBConnection, state: str) -> OAuthStateT | None:
        """Return the pending request with this state, expired or not."""
        ...

    async def delete_oauth_state(self, db: DBConnection, state: str) -> bool:
        """Delete the pending request, atomically: true for exactly one of any number of parallel callers."""
        ...

    async def delete_user(self, db: DBConnection, user_id: UUID) -> bool:
        """Delete a user with all accounts and sessions; true if it was there."""
        ...
