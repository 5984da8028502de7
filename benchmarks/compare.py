"""The comparison: every contender in turn, round after round, on each database and with each number of connections."""

import asyncio
from dataclasses import dataclass
from typing import Final

from benchmarks import driver, load
from benchmarks.contenders.registry import CONTENDERS
from benchmarks.databases import Database, database
from benchmarks.results import Place, Results
from benchmarks.rows import Known, fill, some
from benchmarks.server import serving

_WARM_UP_SECONDS: Final = 0.4
_WARM_UP_CONNECTIONS: Final = 16


@dataclass(frozen=True, slots=True)
class Plan:
    """What is compared, and for how long.

    Attributes:
        contenders: their names, in the order of a round.
        databases: the kinds.
        connections: how many at once, one number after the other.
        rounds: how often each contender's turn comes.
        seconds: how long each drive takes.
        rows: how many sessions there are.
    """

    contenders: list[str]
    databases: list[str]
    connections: list[int]
    rounds: int
    seconds: int
    rows: int


def compare(plan: Plan) -> Results:
    """Measure, telling of the progress on the way."""
    results = Results()
    for kind in plan.databases:
        asyncio.run(_compare_on(kind, plan, results))
    return results


async def _compare_on(kind: str, plan: Plan, results: Results) -> None:
    async with database(kind) as opened:
        await fill(opened.runtime, plan.rows)
        known = (await some(opened.runtime, 1))[0]
        await opened.runtime.dispose()
        for number in range(plan.rounds):
            print(f"{kind}: round {number + 1} of {plan.rounds}", flush=True)
            for name in plan.contenders:
                await _turn(name, opened, known, plan, results)


async def _turn(name: str, opened: Database, known: Known, plan: Plan, results: Results) -> None:
    contender = CONTENDERS[name]
    with serving(contender, url=opened.url, session=known.session_id.hex, rows=plan.rows) as server:
        await driver.drive(server.port, server.cookie, _WARM_UP_CONNECTIONS, _WARM_UP_SECONDS)
        for connections in plan.connections:
            measured = load.drive(server, connections=connections, seconds=plan.seconds)
            results.loads[Place(opened.kind, connections, name)].append(measured)
        results.memory[opened.kind, name].append(server.resident_mebibytes)
        results.versions[name] = server.versions
