"""`python -m benchmarks`: compare, or one of `half`, `imports` and `scale`."""

import argparse
import os
from collections.abc import Callable
from typing import Final

from benchmarks import machine
from benchmarks.contenders.registry import CONTENDERS
from benchmarks.cores import OTHER_CORES, pin
from benchmarks.databases import KINDS

_WIDEST: Final = 0.3


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.set_defaults(run=_compare)
    _compare_options(parser)
    add = parser.add_subparsers(title="other measurements").add_parser
    half = _command(add, "half", _half, "the database half alone, in one process: precise on a noisy machine too")
    half.add_argument("--rounds", type=int, default=40)
    half.add_argument("--calls", type=int, default=320, help="calls of each way a round (%(default)s)")
    _databases(half)
    imports = _command(add, "imports", _imports, "time and memory of imports, each in a fresh process")
    imports.add_argument("--rounds", type=int, default=11)
    scale = _command(add, "scale", _scale, "cost against the size of the table and the number of connections")
    scale.add_argument("--most", type=int, default=1_000_000, help="sessions in the largest table (%(default)s)")
    scale.add_argument("--seconds", type=int, default=2, help="for each number of connections (%(default)s)")
    _databases(scale)
    given = parser.parse_args()
    pin(os.getpid(), OTHER_CORES)
    print(machine.describe())
    given.run(given)


def _compare_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender (%(default)s)")
    parser.add_argument("--seconds", type=int, default=2, help="of each drive, whole (%(default)s)")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--connections", nargs="+", type=int, default=[16, 64], metavar="N")
    parser.add_argument("--rows", type=int, default=10_000, help="sessions in the table (%(default)s)")
    parser.add_argument(
        "--widest",
        type=float,
        default=_WIDEST,
        help="no ratio is printed if the middle half of its rounds is wider than this part of it (%(default)s)",
    )
    _databases(parser)


def _databases(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--databases", nargs="+", choices=KINDS, default=list(KINDS))


def _command(
    add: Callable[..., argparse.ArgumentParser], name: str, run: Callable[[argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    parser = add(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _compare(given: argparse.Namespace) -> None:
    from benchmarks import budgets, compare, load, report  # noqa: PLC0415  each measurement loads its own

    if not load.has_wrk():
        print(load.ADVICE)
    plan = compare.Plan(
        contenders=given.contenders,
        databases=given.databases,
        connections=given.connections,
        rounds=given.rounds,
        seconds=given.seconds,
        rows=given.rows,
    )
    results = compare.compare(plan)
    for name, versions in results.versions.items():
        print(f"- {name}: {', '.join(f'{package} {version}' for package, version in versions.items())}")
    print(f"\nmedians of {given.rounds} rounds of {given.seconds} s; spread is (greatest - least) / median\n")
    print(report.table(results, widest=given.widest))
    print()
    for line in budgets.verdicts(results, widest=given.widest):
        print(line)


def _half(given: argparse.Namespace) -> None:
    from benchmarks import half  # noqa: PLC0415  the same

    half.measure(databases=given.databases, rounds=given.rounds, calls=given.calls)


def _imports(given: argparse.Namespace) -> None:
    from benchmarks import imports  # noqa: PLC0415  the same

    imports.measure(rounds=given.rounds)


def _scale(given: argparse.Namespace) -> None:
    from benchmarks import scale  # noqa: PLC0415  the same

    scale.measure(databases=given.databases, most=given.most, seconds=given.seconds)


if __name__ == "__main__":
    main()
