"""Where the adapter's own connections come from."""

from collections.abc import AsyncGenerator, Callable

from sqlalchemy.ext.asyncio import AsyncSession

from belgie.alchemy.settings import DatabaseRuntime, DatabaseSettings

__all__ = ["Connected"]


class Connected:
    """Has a database, or was made without one."""

    db: DatabaseSettings | DatabaseRuntime | None

    @property
    def db_runtime(self) -> DatabaseRuntime:
        """The runtime that holds the engine of `db`.

        Raises:
            AttributeError: the adapter was made without `db`.
        """
        if self.db is None:
            msg = "this AlchemyAdapter was made without db=: it has no runtime and no dependency"
            raise AttributeError(msg)
        return self.db if isinstance(self.db, DatabaseRuntime) else self.db.runtime

    @property
    def dependency(self) -> Callable[..., AsyncGenerator[AsyncSession, None]]:
        """The runtime's FastAPI dependency: one session a request.

        Raises:
            AttributeError: the adapter was made without `db`.
        """
        return self.db_runtime.dependency
