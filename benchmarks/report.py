"""The table of a comparison."""

from benchmarks.contenders.registry import CONTENDERS, FASTAPI_USERS, JOIN, STATIC
from benchmarks.figures import Sample, ratio
from benchmarks.results import Place, Results
from benchmarks.tables import markdown, median_and_spread, quotient

_HEADS = ["contender", "database", "conn.", "req/s", "spread", "p50 ms", "p99 ms", "CPU µs", "spread", "MiB"]
_RATIOS = ["req/s: /H", "/F", "/static", "CPU: H/", "F/", "static/"]
_BASES = (JOIN, FASTAPI_USERS, STATIC)


def table(results: Results, *, widest: float) -> str:
    """Return the table; a ratio that spreads by more than `widest` of itself is refused."""
    return markdown([*_HEADS, *_RATIOS], [_row(results, place, widest) for place in results.places])


def _row(results: Results, place: Place, widest: float) -> list[str]:
    rate, cpu = results.rate(place), results.cpu(place)
    bases = [place.of(name) for name in _BASES]
    return [
        CONTENDERS[place.contender].title,
        place.kind,
        str(place.connections),
        *median_and_spread(rate),
        _median(results.p50(place), 1),
        _median(results.p99(place), 1),
        *median_and_spread(cpu),
        _median(results.mebibytes(place), 0),
        *(_quotient(rate, results.rate(base), widest) for base in bases),
        *(_quotient(results.cpu(base), cpu, widest) for base in bases),
    ]


def _median(sample: Sample | None, digits: int) -> str:
    return "-" if sample is None else f"{sample.median:,.{digits}f}"


def _quotient(this: Sample | None, base: Sample | None, widest: float) -> str:
    return "-" if this is None or base is None else quotient(ratio(this, base, widest=widest))
