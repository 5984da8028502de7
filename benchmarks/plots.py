"""The plots."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import matplotlib as mpl
from benchmarks.load import Load
from benchmarks.plans import SizeCost
from matplotlib import pyplot as plt

mpl.use("Agg")

_COLOURS: Final = {"join": "tab:gray", "user": "tab:blue", "identity": "tab:green"}
_LABELS: Final = {"join": "by hand, one join", "user": "belgie auth.user", "identity": "belgie auth.identity"}
_LINES: Final = {"sqlite": "--", "postgres": "-"}


def plot_sizes(costs: Mapping[str, Sequence[SizeCost]], path: Path) -> None:
    """Draw the time of a look-up against the number of sessions."""
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for kind, found in costs.items():
        sizes = [cost.sessions for cost in found]
        for name, values in (
            ("user", [cost.user.median for cost in found]),
            ("identity", [cost.identity.median for cost in found]),
        ):
            axes.plot(sizes, values, _LINES[kind], marker="o", color=_COLOURS[name], label=f"{_LABELS[name]}, {kind}")
    axes.set(xscale="log", xlabel="sessions in the table", ylabel="microseconds for one look-up, median")
    axes.set_ylim(bottom=0)
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def plot_connections(curves: Mapping[tuple[str, str], Mapping[int, Load]], path: Path) -> None:
    """Draw requests a second and the 99th percentile against the number of connections."""
    figure, (rates, tails) = plt.subplots(1, 2, figsize=(11, 5), layout="constrained")
    for (name, kind), curve in curves.items():
        style = {"marker": "o", "color": _COLOURS[name], "label": f"{_LABELS[name]}, {kind}"}
        counts = list(curve)
        rates.plot(counts, [load.rate for load in curve.values()], _LINES[kind], **style)
        tails.plot(counts, [load.p99 for load in curve.values()], _LINES[kind], **style)
    rates.set(xscale="log", xlabel="connections", ylabel="requests a second")
    rates.set_ylim(bottom=0)
    tails.set(xscale="log", yscale="log", xlabel="connections", ylabel="p99, milliseconds")
    for axes in (rates, tails):
        axes.set_xscale("log", base=2)
        axes.grid(visible=True, alpha=0.3)
    figure.legend(*rates.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    figure.savefig(path, dpi=110)
    plt.close(figure)
