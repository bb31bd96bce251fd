"""Draws the curves of a load as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot

from benchmarks.load.scenarios import Report

mpl.rcParams.update(
    {
        "svg.hashsalt": "load",  # the same curves give the same file
        "font.size": 10,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": "white",
    }
)

PLOTS = {
    "callers small": ("Callers without a pause, 640 x 480", "callers", True),
    "callers large": ("Callers without a pause, 12 megapixels", "callers", True),
    "arrivals": ("Pictures that come whether others were answered or not", "sent in a second", False),
    "visitors": ("Visitors of the page", "visitors", True),
}
"""Title, what is on the horizontal axis, and whether that is in powers of two, by the name of the curve."""


def draw(reports: Sequence[Report], stem: Path) -> list[Path]:
    """Writes a plot for each kind of curve, each target in its own colour.

    Args:
        reports: what came of each target.
        stem: the beginning of the files' paths.
    """
    files = []
    for name, (title, label, powers) in PLOTS.items():
        found = [(report.target, report.curves[name]) for report in reports if name in report.curves]
        if not found:
            continue
        figure, (rates, times) = pyplot.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
        for number, (target, points) in enumerate(found):
            columns = list(zip(*points, strict=True))
            colour = f"C{number}"
            rates.plot(columns[0], columns[1], "o-", color=colour, label=target)
            if len(columns) > 4:
                rates.plot(columns[0], columns[4], "x:", color=colour, label=f"{target}: refused")
            times.plot(columns[0], columns[2], "o-", color=colour, label=f"{target}: p50")
            times.plot(
                columns[0],
                columns[3],
                "^--",
                color=colour,
                label=f"{target}: {'p95' if powers and name == 'visitors' else 'p99'}",
            )
        for axes, what in ((rates, "answered in a second"), (times, "ms until the answer")):
            axes.set(xlabel=label, title=what, ylim=(0, None))
            if powers:
                axes.set_xscale("log", base=2)
                axes.set_xticks(columns[0], [f"{value:g}" for value in columns[0]], minor=False)
            axes.legend(fontsize=8, frameon=False)
        figure.suptitle(title)
        files.append(stem.with_name(f"{stem.name}-{name.replace(' ', '-')}.svg"))
        figure.savefig(files[-1], metadata={"Date": None})
        pyplot.close(figure)
    return files
