"""A user in each store, a connection to it, and a clock."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from __tests__.auth.fixtures.dictionaries import NoConnection
from __tests__.auth.fixtures.stores import Store
from __tests__.auth.session.still_clock import StillClock

from proto import DBConnection


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def db(store: Store) -> AsyncIterator[DBConnection]:
    """A connection to the store."""
    if store.runtime is None:
        yield NoConnection()
        return
    async with store.runtime.session_maker() as session:
        yield session


@pytest.fixture
async def user(store: Store, db: DBConnection) -> Any:
    return await store.adapter.create_user(db, "ada@example.org")
