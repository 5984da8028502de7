"""The database half alone: the look-up of a session in one process, without HTTP, every way in turn.

Processor time of this process for each call, threads included; the server's own is not in it.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import uvloop
from benchmarks.databases import Database, database
from benchmarks.figures import Sample, paired
from benchmarks.plain_models import PlainSession, PlainUser
from benchmarks.rows import fill, some
from benchmarks.tables import markdown
from examples.alchemy.auth_models import Account, OAuthState, Session, User
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine

from belgie import AlchemyAdapter, DatabaseRuntime

type LookUp = Callable[[UUID], Awaitable[str | None]]

#: As many as both pools keep connections: with more, what is measured is how they are made and thrown away.
_TASKS: Final = 5
_ROWS: Final = 10_000
_WARM_UP_ROUNDS: Final = 3
_HAND: Final = "by hand, one join (H)"


def by_hand(engine: AsyncEngine) -> dict[str, LookUp]:
    """Return the statements that developers write, each call in a session of its own."""
    make = async_sessionmaker(engine, expire_on_commit=False)

    async def one_join(session_id: UUID) -> str | None:
        async with make() as session:
            statement = select(PlainSession, PlainUser).join(PlainUser, PlainUser.id == PlainSession.user_id)
            row = (await session.execute(statement.where(PlainSession.id == session_id))).one_or_none()
            return None if row is None else row[1].email

    async def two_selects(session_id: UUID) -> str | None:
        async with make() as session:
            found = await session.execute(select(PlainSession).where(PlainSession.id == session_id))
            if (row := found.scalar_one_or_none()) is None:
                return None
            users = await session.execute(select(PlainUser).where(PlainUser.id == row.user_id))
            user = users.scalar_one_or_none()
            return None if user is None else user.email

    return {_HAND: one_join, "by hand, two selects": two_selects}


def by_belgie(runtime: DatabaseRuntime) -> dict[str, LookUp]:
    """Return what stands behind `auth.user` and `auth.identity`."""
    adapter = AlchemyAdapter(user=User, account=Account, session=Session, oauth_state=OAuthState, db=runtime)
    open_session = asynccontextmanager(runtime.dependency)

    async def session_and_user(session_id: UUID) -> str | None:
        async with open_session() as session:
            row = await adapter.get_session_and_user(session, session_id)
            return None if row is None else row[1].email

    async def identity(session_id: UUID) -> str | None:
        found = await adapter.get_identity(session_id)
        return None if found is None else found.email

    return {"belgie get_session_and_user": session_and_user, "belgie get_identity": identity}


def measure(*, databases: Sequence[str], rounds: int, calls: int) -> None:
    """Measure every way on each database, and print a table of each."""
    for kind in databases:
        asyncio.run(_measure_on(kind, rounds, calls), loop_factory=uvloop.new_event_loop)


async def _measure_on(kind: str, rounds: int, calls: int) -> None:
    async with database(kind) as opened:
        await fill(opened.runtime, _ROWS)
        engine = create_async_engine(opened.url)
        try:
            taken = await _rounds(opened, engine, rounds, calls)
        finally:
            await engine.dispose()
    rows: list[list[str]] = []
    for name, values in taken.items():
        quotients = paired(values, taken[_HAND])
        low, high = quotients.middle_half
        median = Sample.of(values).median
        rows.append([name, f"{median:,.0f}", f"{quotients.median:.2f}", f"{low:.2f} - {high:.2f}"])
    print(f"\n{kind}: {rounds} rounds of {calls} calls of each way by {_TASKS} tasks; quotients round by round\n")
    print(markdown(["way", "CPU µs", "of H", "half of the rounds"], rows), flush=True)


async def _rounds(opened: Database, engine: AsyncEngine, rounds: int, calls: int) -> dict[str, list[float]]:
    ways = by_hand(engine) | by_belgie(opened.runtime)
    known = await some(opened.runtime, calls)
    emails = {each.session_id: each.email for each in known}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    gc.collect()
    gc.freeze()
    for number in range(-_WARM_UP_ROUNDS, rounds):
        for name, way in ways.items():
            used = await _time(way, emails)
            if number >= 0:
                taken[name].append(used)
    return taken


async def _time(way: LookUp, emails: dict[UUID, str]) -> float:
    """Return the microseconds of processor time for a call."""
    waiting = list(emails)

    async def work() -> None:
        while waiting:
            session_id = waiting.pop()
            if await way(session_id) != emails[session_id]:
                msg = "a look-up found another user"
                raise RuntimeError(msg)

    start = time.process_time()
    await asyncio.gather(*(work() for _ in range(_TASKS)))
    return (time.process_time() - start) / len(emails) * 1e6
