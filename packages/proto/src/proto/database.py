"""Where `auth` gets its connection from."""

from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class DatabaseProtocol(Protocol):
    """Anything with a FastAPI dependency that gives a connection: a `DatabaseRuntime`, its settings, an adapter."""

    @property
    def dependency(self) -> Callable[..., AsyncGenerator[Any, None]]:
        """A FastAPI dependency; the object that it yields is the `db` of the adapter's methods."""
        ...
