"""What belgie is held to, in one run: ratios to the contenders beside it, and a tail without stalls."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.contenders.registry import FASTAPI_USERS, JOIN, STATIC
from benchmarks.figures import ratio
from benchmarks.results import Place, Results


@dataclass(frozen=True, slots=True)
class Budget:
    """`contender` answers at least so many times the requests of `base`, and should answer `aim` times as many."""

    contender: str
    base: str
    least: float
    aim: float | None = None


BUDGETS: Final = (
    Budget("user", JOIN, 1.1, 1.4),
    Budget("user", FASTAPI_USERS, 1.6),
    Budget("identity", JOIN, 2.3, 3.0),
    Budget("identity", FASTAPI_USERS, 3.5, 5.0),
    Budget("cached", STATIC, 0.6, 0.75),
)
#: Milliseconds of `auth.user` on PostgreSQL within which 99 of 100 requests are answered, by connections.
TAIL: Final = {16: 60.0, 64: 100.0}
#: Mebibytes that a worker may hold beyond the hand-written one.
MEMORY: Final = 10.0


def verdicts(results: Results, *, widest: float) -> Iterator[str]:
    """Yield a line for each budget that the results can speak to."""
    for place in results.places:
        where = f"{place.contender} on {place.kind}, {place.connections} connections"
        for budget in BUDGETS:
            if budget.contender == place.contender:
                yield from _ratio_verdict(results, place, budget, where, widest)
        if place.contender == "user" and place.kind == "postgres" and place.connections in TAIL:
            p99, most = results.p99(place), TAIL[place.connections]
            if p99 is not None:
                yield f"{_word(met=p99.median < most)}  {where}: p99 {p99.median:.1f} ms, at most {most:.0f}"
        mine, base = results.mebibytes(place), results.mebibytes(place.of(JOIN))
        if place.contender in {"user", "identity"} and mine is not None and base is not None:
            more = mine.median - base.median
            yield f"{_word(met=more <= MEMORY)}  {where}: {more:+.0f} MiB beside H, at most {MEMORY:+.0f}"


def _ratio_verdict(results: Results, place: Place, budget: Budget, where: str, widest: float) -> Iterator[str]:
    base = place.of(budget.base)
    rate, base_rate, cpu, base_cpu = results.rate(place), results.rate(base), results.cpu(place), results.cpu(base)
    if rate is None or base_rate is None or cpu is None or base_cpu is None:
        return
    by_rate, by_cpu = ratio(rate, base_rate, widest=widest), ratio(base_cpu, cpu, widest=widest)
    aim = f", aim {budget.aim}" if budget.aim else ""
    shown = f"{where}: {_shown(by_rate)} of {budget.base} by requests, {_shown(by_cpu)} by processor time"
    yield f"{_word(met=by_rate >= budget.least) if by_rate else 'unsure'}  {shown}; at least {budget.least}{aim}"


def _shown(value: float | None) -> str:
    return "too wide a spread" if value is None else f"{value:.2f}"


def _word(*, met: bool) -> str:
    return "met   " if met else "MISSED"
