"""SQLite on a thread, asked once for a statement.

aiosqlite does every call of a cursor on the connection's thread, and SQLAlchemy makes four of them for a statement: the
cursor, the execution, the rows, the end. Each time two threads wait for each other, which takes longer than a look-up
does. Here the thread does the four in one go, and is not asked to end a transaction that has not begun.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from typing import Any, Final, Self, override
from weakref import WeakSet

import aiosqlite

__all__ = ["OneHopConnection", "connect"]

#: Rows that come with the execution; further ones are fetched when asked for, so that a result can be streamed.
_FIRST_ROWS: Final = 500

#: Seconds for a thread to end that could not open its file.
_PATIENCE: Final = 2.0


class OneHopCursor:
    """What SQLAlchemy uses of a cursor."""

    def __init__(self, connection: "OneHopConnection") -> None:
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1
        self._connection = connection
        self._rows: list[Any] = []
        self._open: sqlite3.Cursor | None = None
        self._lost = False

    async def __aenter__(self) -> Self:
        """Return the cursor; there is nothing to open yet."""
        return self

    def __await__(self) -> Generator[Any, Any, Self]:
        """Return the cursor; SQLAlchemy 2.0 awaits it, 2.1 enters it."""
        return self.__aenter__().__await__()

    async def __aexit__(self, *_error: object) -> None:
        """Close."""
        await self.close()

    def __aiter__(self) -> Self:
        """Iterate over the rows."""
        return self

    async def __anext__(self) -> Any:
        """Return the next row."""
        row = await self.fetchone()
        if row is None:
            raise StopAsyncIteration
        return row

    async def execute(self, sql: str, parameters: Any = ()) -> Self:
        """Execute a statement."""
        await self.close()
        await self._connection.on_thread(self._run, sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Iterable[Any]) -> Self:
        """Execute a statement once for each of the parameters."""
        await self.close()
        await self._connection.on_thread(self._run, sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        """Return the rows that were not fetched yet."""
        rows, self._rows = self._rows, []
        return rows + await self._more(None)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        count = size or self.arraysize
        if len(self._rows) < count:
            self._rows += await self._more(max(count, _FIRST_ROWS))
        rows, self._rows = self._rows[:count], self._rows[count:]
        return rows

    async def fetchone(self) -> Any:
        """Return the next row, or None."""
        return next(iter(await self.fetchmany(1)), None)

    async def close(self) -> None:
        """Let the rows go."""
        self._rows = []
        if self._open is not None:
            with suppress(ValueError):  # the connection was closed before, and the rows with it
                await self._connection.on_thread(self._end)

    def lose(self) -> None:
        """Let the rows go that were not fetched yet, and say so to who asks for them; on the thread only."""
        if self._open is not None:
            self._lost = True
            self._end()

    async def _more(self, count: int | None) -> list[Any]:
        if self._lost:
            msg = "the transaction has ended that these rows were read in: read all rows, or close the result, before"
            raise sqlite3.ProgrammingError(msg)
        return [] if self._open is None else await self._connection.on_thread(self._take, count)

    def _run(self, execute: Callable[..., Any], sql: str, parameters: Any) -> None:
        self._open = cursor = self._connection.new_cursor()
        try:
            execute(cursor, sql, parameters)
            self.description = cursor.description
            if cursor.description is None:
                self._end()
            else:
                self._rows = self._take(_FIRST_ROWS)
                if len(self._rows) == _FIRST_ROWS:  # there may be more
                    self._connection.streaming.add(self)
        except BaseException:
            self._end()
            raise

    def _take(self, count: int | None) -> list[Any]:
        if self._open is None:
            return []
        rows = self._open.fetchall() if count is None else self._open.fetchmany(count)
        if count is None or len(rows) < count:
            self._end()
        return rows

    def _end(self) -> None:
        if self._open is not None:
            self.rowcount, self.lastrowid = self._open.rowcount, self._open.lastrowid
            self._open.close()
            self._open = None


class _File:
    """Opens the file, and closes it even when nobody waits for it any more."""

    def __init__(self, database: Any, options: dict[str, Any]) -> None:
        self._database = database
        self._options = options
        self._opened: sqlite3.Connection | None = None

    def open(self) -> sqlite3.Connection:
        self._opened = sqlite3.connect(self._database, **self._options)
        return self._opened

    def close(self) -> None:
        if self._opened is not None:
            self._opened.close()


class OneHopConnection(aiosqlite.Connection):
    """A connection with such cursors, which ends only transactions that have begun."""

    def __init__(self, database: Any, options: dict[str, Any]) -> None:
        self._file = _File(database, options)
        super().__init__(self._file.open, _FIRST_ROWS)
        self._thread.daemon = True  # a process that ends does not wait for it
        self._asked = 0
        self._done = 0
        self._stopped: asyncio.Future[Any] | None = None
        #: Cursors that may have rows in the database yet.
        self.streaming: WeakSet[OneHopCursor] = WeakSet()

    @override
    def cursor(self) -> OneHopCursor:  # ty: ignore[incompatible-method-override]  # pyright: ignore[reportIncompatibleMethodOverride] - SQLAlchemy alone asks
        """Return a cursor; nothing is done on the thread yet."""
        return OneHopCursor(self)

    def new_cursor(self) -> sqlite3.Cursor:
        """Return SQLite's own cursor; on the thread only."""
        return self._conn.cursor()

    async def on_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function on the thread."""
        return await self._execute(function, *arguments)

    @override
    async def commit(self) -> None:
        """Commit what has begun."""
        if not self._is_at_rest():
            await super().commit()

    @override
    async def rollback(self) -> None:
        """Roll back what has begun, and let go of rows that nobody has fetched.

        While there are such rows, SQLite shows the connection the database as it was: whoever gets it next would read
        what is not true any more, and could not write.
        """
        if self.streaming or not self._is_at_rest():
            await self.on_thread(self._roll_back)

    @override
    async def close(self) -> None:
        """Close, and let go of rows that nobody has fetched: for these SQLite keeps the transaction and its locks."""
        try:
            if self._connection is not None:
                await self.on_thread(self._release)
        finally:
            await super().close()

    def _roll_back(self) -> None:
        self._lose_rows()
        self._conn.rollback()

    def _release(self) -> None:
        self._lose_rows()
        self._file.close()

    def _lose_rows(self) -> None:
        for cursor in tuple(self.streaming):
            cursor.lose()
        self.streaming.clear()

    def _is_at_rest(self) -> bool:
        """Tell whether nothing has begun, nor will: who was cancelled has left the statement to the thread."""
        return self._asked == self._done and not self.in_transaction

    @override
    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._asked += 1
        return await super()._execute(self._counted, fn, *args, **kwargs)  # pyright: ignore[reportUnknownMemberType] - it has no types

    def _counted(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        finally:
            self._done += 1

    @override
    async def _connect(self) -> Self:
        try:
            await super()._connect()
        except BaseException:
            # The thread says that it ends, to a loop which may be closed by then: it would print a traceback.
            if self._stopped is not None:
                await asyncio.wait([self._stopped], timeout=_PATIENCE)
            raise
        return self

    @override
    def stop(self) -> asyncio.Future[Any] | None:
        """Let the thread end when it has done what it was asked."""
        # aiosqlite forgets the file when who opened it was cancelled meanwhile.
        self._tx.put_nowait((None, self._release))  # pyright: ignore[reportUnknownMemberType] - it has no types
        self._stopped = super().stop()  # pyright: ignore[reportUnknownMemberType] - it has no types
        return self._stopped


def connect(database: Any, **options: Any) -> OneHopConnection:
    """Return what `aiosqlite.connect` returns, with a thread that does not keep the process from ending."""
    return OneHopConnection(database, options)
