"""Tables in Markdown, which read well in a terminal too."""

from collections.abc import Sequence
from typing import Final

from benchmarks.figures import Sample

#: What stands where a ratio was refused.
REFUSED: Final = "wide"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, and the others are figures."""
    widths = [max(len(line[place]) for line in (heads, *rows)) for place in range(len(heads))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(heads, widths), "| " + " | ".join(rule) + " |", *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (
        cell.rjust(width) if place else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "| " + " | ".join([first, *others]) + " |"


def percent(part: float | None) -> str:
    """Return a spread."""
    return "?" if part is None else f"{part:.0%}"


def quotient(value: float | None) -> str:
    """Return a ratio, or the word that says that there is none."""
    return REFUSED if value is None else f"{value:.2f}"


def median_and_spread(sample: Sample | None, digits: int = 0) -> tuple[str, str]:
    """Return the two cells of a sample."""
    if sample is None:
        return "-", "-"
    return f"{sample.median:,.{digits}f}", percent(sample.spread)
