"""Optional: one transaction over several calls."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, runtime_checkable

from proto.connection import DBConnection


@runtime_checkable
class TransactionProtocol(Protocol):
    """An adapter whose writes can be made permanent together, or not at all."""

    def transaction(self, db: DBConnection) -> AbstractAsyncContextManager[Any]:
        """Group the adapter's calls on `db`.

        Inside the block the writing methods write without committing; leaving it commits once, and an exception
        undoes everything since its beginning. Blocks nest: only the outermost commits.
        """
        ...
