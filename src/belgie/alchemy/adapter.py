"""The adapter that keeps belgie's four models with SQLAlchemy."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy.requirements import check_model
from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings
from belgie.alchemy.stores.accounts import AccountStore
from belgie.alchemy.stores.identities import IdentityStore
from belgie.alchemy.stores.oauth_states import OAuthStateStore
from belgie.alchemy.stores.sessions import SessionStore
from belgie.alchemy.stores.users import UserStore
from belgie.alchemy.table import Table
from belgie.alchemy.transaction import session_of, transaction
from proto import AccountProtocol, DBConnection, OAuthStateProtocol, SessionProtocol, UserProtocol, fold_email

__all__ = ["AlchemyAdapter"]

USER_AGENT_LENGTH: Final = 512
_NOT_FOR_CALLERS: Final = ("id", "created_at", "updated_at")


class AlchemyAdapter[
    UserT: UserProtocol[Any],
    AccountT: AccountProtocol,
    SessionT: SessionProtocol,
    OAuthStateT: OAuthStateProtocol,
](
    UserStore[UserT],
    AccountStore[UserT, AccountT],
    SessionStore[UserT, SessionT],
    OAuthStateStore[OAuthStateT],
    IdentityStore[UserT, SessionT],
):
    """Keeps users, accounts, sessions and OAuth states in the application's own tables.

    It offers `proto.AdapterProtocol` and every optional capability of `proto`. The first argument of each method is
    a SQLAlchemy `AsyncSession`. A writing method commits, unless a `transaction` is open on that session or the
    application has begun one with `db.begin()` or `db.begin_nested()`; after an error it has rolled back, save in
    a savepoint of the application's, and the session is usable. A rollback expires the rows that the session had
    loaded: `await db.refresh(row)` before reading them again.

    Every method may raise `proto.UnavailableError`. Errors name fields, never their values.

    Args:
        user: the mapped class of users; with columns of its own, these have defaults.
        account: the mapped class of accounts.
        session: the mapped class of sessions.
        oauth_state: the mapped class of pending authorization requests.
        db: where sessions come from: settings or a runtime. None if the application gives `Auth` something else.
        purge_batch: how many expired rows one statement deletes.

    Raises:
        TypeError: a model lacks a column or a unique constraint that belgie needs.
        ValueError: `purge_batch` is below 1.
    """

    def __init__(
        self,
        *,
        user: type[UserT],
        account: type[AccountT],
        session: type[SessionT],
        oauth_state: type[OAuthStateT],
        db: DatabaseSettings | DatabaseRuntime | None = None,
        purge_batch: int = 1000,
    ) -> None:
        if purge_batch < 1:
            msg = f"purge_batch must be at least 1, got {purge_batch}"
            raise ValueError(msg)
        for role, model in (("user", user), ("account", account), ("session", session), ("oauth_state", oauth_state)):
            check_model(role, model, sqlite=_is_sqlite(db))
        self.user = user
        self.account = account
        self.session = session
        self.oauth_state = oauth_state
        self.db = db
        self.purge_batch = purge_batch
        self._users = Table(user, fixed=_NOT_FOR_CALLERS, convert={"email": fold_email})
        self._accounts = Table(account, fixed=(*_NOT_FOR_CALLERS, "user_id", "provider", "provider_account_id"))
        self._sessions = Table(session, fixed=(*_NOT_FOR_CALLERS, "user_id"), cut={"user_agent": USER_AGENT_LENGTH})
        self._oauth_states = Table(oauth_state, fixed=_NOT_FOR_CALLERS)

    def transaction(self, db: DBConnection) -> AbstractAsyncContextManager[AsyncSession]:
        """Group the adapter's calls on `db`: one commit at the end of the outermost block, or nothing is written.

        An error of the database undoes the whole transaction at once. Whoever catches it inside the block cannot
        go on there: further calls raise `proto.AdapterError`, and so does the end of the block.
        """
        return transaction(session_of(db))

    async def delete_user(self, db: DBConnection, user_id: UUID) -> bool:
        """Delete a user with all accounts and sessions; true if it was there.

        The foreign keys do it where they cascade. SQLite follows them only if the connection asks for that, so there
        the accounts and sessions are deleted by statements of their own, in the same transaction.
        """
        session = session_of(db)
        if self._cascades and session.get_bind(self.user).dialect.name != "sqlite":
            return await self._users.delete(db, id=user_id) > 0
        self._users.sought({"id": user_id})
        async with transaction(session):
            await self._sessions.delete(db, user_id=user_id)
            await self._accounts.delete(db, user_id=user_id)
            return await self._users.delete(db, id=user_id) > 0

    @property
    def _cascades(self) -> bool:
        return all(
            any((key.ondelete or "").upper() == "CASCADE" for key in table.column("user_id").foreign_keys)
            for table in (self._accounts, self._sessions)
        )


def _is_sqlite(db: DatabaseSettings | DatabaseRuntime | None) -> bool:
    settings = db.settings if isinstance(db, DatabaseRuntime) else db
    return settings is not None and settings.type == "sqlite"
