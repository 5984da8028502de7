"""What the first argument of every adapter method must offer."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DBConnection(Protocol):
    """A unit of work on the application's database.

    SQLAlchemy's `AsyncSession` is one. `auth` itself calls none of these methods: it hands the object to
    the adapter and to hooks, so a store that needs no connection may pass any object that has them.
    """

    async def commit(self) -> None:
        """Make what was written permanent."""
        ...

    async def rollback(self) -> None:
        """Undo what was written since the last commit."""
        ...

    async def close(self) -> Any:
        """Give the connection back."""
        ...
