"""What a comparison has measured."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.contenders.registry import CONTENDERS
from benchmarks.figures import Sample
from benchmarks.load import Load


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the table: a contender on a database with so many connections."""

    kind: str
    connections: int
    contender: str

    def of(self, contender: str) -> "Place":
        """Return the line of another contender beside this one."""
        return Place(self.kind, self.connections, contender)


@dataclass
class Results:
    """One value for each round."""

    loads: dict[Place, list[Load]] = field(default_factory=lambda: defaultdict(list[Load]))
    memory: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list[float]))
    versions: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])

    @property
    def places(self) -> list[Place]:
        """The lines, those of one database and number of connections together."""
        order = list(CONTENDERS)
        return sorted(
            self.loads, key=lambda place: (place.kind != "sqlite", place.connections, order.index(place.contender))
        )

    def rate(self, place: Place) -> Sample | None:
        """Requests a second; None if that was not measured."""
        return self._sample(place, lambda load: load.rate)

    def cpu(self, place: Place) -> Sample | None:
        """Microseconds of the server's processor time for a request."""
        return self._sample(place, lambda load: load.cpu)

    def p50(self, place: Place) -> Sample | None:
        """Milliseconds within which half of the requests were answered."""
        return self._sample(place, lambda load: load.p50)

    def p99(self, place: Place) -> Sample | None:
        """Milliseconds within which all but one in a hundred were answered."""
        return self._sample(place, lambda load: load.p99)

    def mebibytes(self, place: Place) -> Sample | None:
        """Resident memory after the load."""
        values = self.memory.get((place.kind, place.contender))
        return Sample.of(values) if values else None

    def _sample(self, place: Place, figure: Callable[[Load], float]) -> Sample | None:
        loads = self.loads.get(place)
        return Sample.of(figure(load) for load in loads) if loads else None
