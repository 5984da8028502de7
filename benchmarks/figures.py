"""The arithmetic of a comparison: medians, spread, and when a ratio means nothing."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

#: Fewer rounds than this say nothing about how far the figures spread.
FEWEST_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure, measured once a round."""

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """Return the sample of these values.

        Raises:
            ValueError: there is none.
        """
        sample = cls(tuple(values))
        if not sample.values:
            msg = "a sample needs at least one value"
            raise ValueError(msg)
        return sample

    @property
    def median(self) -> float:
        """The middle value, or the mean of the two in the middle."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float | None:
        """The distance from the least to the greatest value, in parts of the median; None if the rounds are too few."""
        if len(self.values) < FEWEST_ROUNDS or self.median == 0:
            return None
        return (max(self.values) - min(self.values)) / self.median

    @property
    def middle_half(self) -> tuple[float, float]:
        """The quartiles between which half of the values lie; of too few rounds, the least and the greatest."""
        if len(self.values) < FEWEST_ROUNDS:
            return min(self.values), max(self.values)
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return low, high


def ratio(this: Sample, base: Sample, *, widest: float) -> float | None:
    """Return by how much `this` is greater than `base`: the median of the quotients round by round.

    None, which is shown as a refusal, if the middle half of the quotients is wider than `widest` parts of their median,
    or if there were too few rounds to know: that is noise.
    """
    if 0 in base.values or len(this.values) != len(base.values) or len(this.values) < FEWEST_ROUNDS:
        return None
    quotients = paired(this.values, base.values)
    low, high = quotients.middle_half
    return quotients.median if high - low <= widest * quotients.median else None


def paired(these: Iterable[float], bases: Iterable[float]) -> Sample:
    """Return the quotients round by round: what slows a whole round down is in both, and cancels.

    Raises:
        ValueError: there is no round, or not the same number of both.
    """
    return Sample.of(this / base for this, base in zip(these, bases, strict=True))
