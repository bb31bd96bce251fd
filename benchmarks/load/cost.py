"""`python -m benchmarks.load.cost`: how many CPUs and nodes, how much traffic and money a demand takes.

It reads what one request and one visit cost from a table that `make load` wrote, and asks for the rest: prices and
habits differ. CPUs of another kind give other numbers, so load your own first.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import RESULTS

FIRST_VISIT = 0.87
"""MB that the page's files are for a browser's first visit (docs/speed.md)."""

ANSWER = 0.002
"""MB of an answer of the API with its headers."""

PICTURE = {"640 x 480": 0.06, "12 megapixels": 3.0}
"""MB of a usual JPEG file."""


@dataclass(frozen=True)
class Habits:
    """What is not measured.

    Attributes:
        busy: how much of a CPU is to be used at most; the rest is for bursts and for nodes that are lost.
        peak: requests in the busiest hour, as a multiple of the mean.
        pictures: that a visitor hands in.
        stay: seconds for which a visitor stays.
        node: CPUs of a node.
        price: of a CPU for an hour.
        traffic: price of a GB that leaves.
    """

    busy: float = 0.6
    peak: float = 3.0
    pictures: float = 3.0
    stay: float = 120.0
    node: int = 8
    price: float = 0.04
    traffic: float = 0.05


def measured(file: Path) -> dict[str, float]:
    """CPU seconds of one request or visit by what it is, of the first target in the table of costs."""
    rows = re.findall(r"^\| ([^|]+) \| (an? [^|]+) \| (\d+) ms \|$", file.read_text("utf-8"), re.M)
    if not rows:
        raise SystemExit(f"{file} has no table of costs: run make load")
    return {what: int(taken) / 1000 for target, what, taken in rows if target == rows[0][0]}


def needs(seconds: float, peak: float, mean: float, sent: float, got: float, habits: Habits) -> list[str]:
    """What a demand takes: CPUs, nodes, Gbit/s in and out at the peak, and money for a month.

    Args:
        seconds: of CPU for each request or visit.
        peak: requests or visits a second in the busiest hour.
        mean: the same over all hours: whoever scales with the demand pays for these.
        sent: MB that come in with each.
        got: MB that go out.
        habits: the rest.
    """
    cpus = peak * seconds / habits.busy
    hours, month = 730, 730 * 3600
    money = habits.price * hours * mean * seconds / habits.busy + habits.traffic * month * mean * got / 1000
    nodes = math.ceil(cpus / habits.node)
    lines = [f"{float(f'{peak * amount * 8 / 1000:.2g}'):g} Gbit/s" for amount in (sent, got)]
    return [f"{math.ceil(cpus):,}", f"{nodes:,}", *lines, f"{money:,.0f}"]


def table(cpu: Mapping[str, float], requests: float, visitors: float, size: str, habits: Habits) -> list[str]:
    """The lines of a Markdown table.

    Args:
        cpu: seconds, as `measured` gives them.
        requests: a second, day and night.
        visitors: a day.
        size: of the pictures, a key of `PICTURE`.
        habits: the rest.
    """
    call, visit = cpu[f"a request, {size}"], cpu["a visit, until the page is drawn"]
    visit += habits.pictures * cpu[f"a picture on the page, {size}"]
    mean = visitors / 86400
    columns = (
        needs(call, requests, requests, PICTURE[size], ANSWER, habits),
        needs(visit, mean * habits.peak, mean, habits.pictures * PICTURE[size], FIRST_VISIT, habits),
    )
    titles = (
        "CPUs",
        f"nodes of {habits.node} CPUs",
        "pictures come in",
        "answers and pages go out",
        "money for a month",
    )
    lines = [f"| {size} | {requests:,.0f} requests a second | {visitors:,.0f} visitors a day |", "|---|---|---|"]
    lines += [f"| {' | '.join(cells)} |" for cells in zip(titles, *columns, strict=True)]
    return [*lines, f"| pages open at once | | {mean * habits.peak * habits.stay:,.0f} |"]


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load.cost", description=__doc__.partition("\n")[0])
    parser.add_argument("--file", type=Path, default=max((RESULTS / "load").glob("*.md"), default=None))
    parser.add_argument("--requests", type=float, default=10_000, help="a second (default: 10000)")
    parser.add_argument("--visitors", type=float, default=1_000_000, help="a day (default: 1000000)")
    parser.add_argument("--size", choices=PICTURE, default="640 x 480", help="of the pictures")
    for name, value in vars(Habits()).items():
        parser.add_argument(f"--{name}", type=type(value), default=value, help=f"(default: {value:g})")
    args = parser.parse_args()
    habits = Habits(**{name: getattr(args, name) for name in vars(Habits())})
    print("\n".join(table(measured(args.file), args.requests, args.visitors, args.size, habits)))


if __name__ == "__main__":
    main()
