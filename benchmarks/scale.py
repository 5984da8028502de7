"""Cost against the number of sessions, and against the number of connections; both as a table and as a plot."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop
from benchmarks import driver, load
from benchmarks.contenders.registry import CONTENDERS, JOIN
from benchmarks.databases import database
from benchmarks.load import Load
from benchmarks.plans import SizeCost, cost_at
from benchmarks.plots import plot_connections, plot_sizes
from benchmarks.rows import fill, some
from benchmarks.server import serving
from benchmarks.tables import markdown

_FOLDER: Final = Path(__file__).parent
_SIZES: Final = (1, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
_CONNECTIONS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_CONTENDERS: Final = (JOIN, "user", "identity")
_ROWS: Final = 10_000

type Curves = dict[tuple[str, str], dict[int, Load]]


def measure(*, databases: Sequence[str], most: int, seconds: int) -> None:
    """Measure both, print the tables, and write the plots beside this file."""
    sizes = [size for size in _SIZES if size <= most]
    costs: dict[str, list[SizeCost]] = {}
    curves: Curves = {}
    for kind in databases:
        costs[kind] = asyncio.run(_by_size(kind, sizes), loop_factory=uvloop.new_event_loop)
    _print_sizes(costs)
    plot_sizes(costs, _FOLDER / "scale-sessions.png")
    for kind in databases:
        curves |= asyncio.run(_by_connections(kind, seconds))
    _print_connections(curves)
    plot_connections(curves, _FOLDER / "scale-connections.png")


async def _by_size(kind: str, sizes: Sequence[int]) -> list[SizeCost]:
    found: list[SizeCost] = []
    async with database(kind) as opened:
        for size in sizes:
            await fill(opened.runtime, size)
            found.append(await cost_at(opened.runtime, size))
            print(f"{kind}: {size:,} sessions measured", flush=True)
    return found


async def _by_connections(kind: str, seconds: int) -> Curves:
    curves: Curves = {}
    async with database(kind) as opened:
        await fill(opened.runtime, _ROWS)
        known = (await some(opened.runtime, 1))[0]
        await opened.runtime.dispose()
        for name in _CONTENDERS:
            with serving(CONTENDERS[name], url=opened.url, session=known.session_id.hex, rows=_ROWS) as server:
                await driver.drive(server.port, server.cookie, connections=16, seconds=0.5)
                curves[name, kind] = {
                    count: load.drive(server, connections=count, seconds=seconds) for count in _CONNECTIONS
                }
            print(f"{kind}: {name} measured", flush=True)
    return curves


def _print_sizes(costs: dict[str, list[SizeCost]]) -> None:
    rows = [
        [
            kind,
            f"{cost.sessions:,}",
            f"{cost.user.median:.0f}",
            f"{cost.identity.median:.0f}",
            f"{cost.user_cpu:.0f}",
            f"{cost.identity_cpu:.0f}",
            f"{cost.purge:.1f}",
        ]
        for kind, found in costs.items()
        for cost in found
    ]
    heads = ["database", "sessions", "user µs", "identity µs", "user CPU µs", "identity CPU µs", "purge of 1,000, ms"]
    print("\nthe look-up one at a time, of sessions from all over the table: medians\n")
    print(markdown(heads, rows))
    for kind, found in costs.items():
        for title, plan in found[-1].plans.items():
            print(f"\n{kind}, {found[-1].sessions:,} sessions, {title}:\n")
            print("\n".join(f"    {line}" for line in plan))


def _print_connections(curves: Curves) -> None:
    heads = ["connections", *(f"{name}, {kind}" for name, kind in curves)]
    for title, figure in (("requests a second", "rate"), ("p99 in ms", "p99"), ("CPU µs a request", "cpu")):
        rows = [
            [str(count), *(f"{getattr(curve[count], figure):,.0f}" for curve in curves.values())]
            for count in _CONNECTIONS
        ]
        print(f"\n{title}\n")
        print(markdown(heads, rows))
