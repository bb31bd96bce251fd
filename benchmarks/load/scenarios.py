"""The kinds of load, from one caller to more than can be served, and what is promised of each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from benchmarks.load.measure import FILL_UP, OVERFLOW, Outcome, arriving, closed, pictures
from benchmarks.load.targets import Target
from benchmarks.visitor import Tab, another, client, opened

CALLERS = (1, 2, 4, 8, 16, 32, 64)
LARGE_CALLERS = (1, 2, 4, 8, 16)
SHARES = (0.2, 0.5, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Arrivals as parts of the most that was answered."""
VISITORS = (1, 10, 25, 50, 100)

_SAID = {"small": "640 x 480", "large": "12 megapixels"}

GROWTH = 1.05
"""The most by which memory may be greater after the last two thirds of a long load."""

HEADS = {
    "callers": "| {target} | pictures | callers | answered/s | refused/s | failed | p50 | p95 | p99 | CPU of 1,000 |",
    "arrivals": "| {target} | of the most | sent/s | answered/s | refused/s | failed | p50 | p95 | p99 |",
    "costs": "| {target} | what | CPU |",
    "mixed": "| {target} | callers | small/s | p50 | p99 | large/s | p50 | p99 | refused/s | failed |",
    "visitors": "| {target} | visitors | bars/s | page p50 | p95 | bars p50 | p95 | refused | failed | CPU of 1,000 |",
    "lasting": "| {target} | minutes | sent/s | answered | refused | failed | p50 | p99 | MB at 1/3 | MB then |",
}


@dataclass
class Report:
    """What came of one target's loads.

    Attributes:
        target: its name.
        rows: cells by the name of the table.
        curves: for plots, by the name of the curve: its points, a tuple each.
        failed: what came instead of answers and refusals.
        broken: promises about speed and memory that were not kept, in words.
        peak: the most small pictures that were answered in a second.
    """

    target: str
    rows: dict[str, list[list[str]]] = field(default_factory=dict)
    curves: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    peak: float = 0.0

    def add(self, table: str, outcome: Outcome, cells: Sequence[str], point: tuple[float, ...] = ()) -> None:
        """Notes one load."""
        self.rows.setdefault(table, []).append([self.target, *cells])
        if point:
            self.curves.setdefault(table, []).append(point)
        if outcome.failures:
            self.failed.append(f"{self.target}, {table}: {len(outcome.failures)} failed: {outcome.failures[0]}")
        print(f"| {' | '.join(self.rows[table][-1])} |", flush=True)

    def lines(self, table: str) -> list[str]:
        """Its part of a table, without the head."""
        return [f"| {' | '.join(cells)} |" for cells in self.rows.get(table, ())]


def callers(report: Report, target: Target, seconds: float, short: bool = False) -> None:
    """More and more callers, of whom each sends the next picture when it has its labels."""
    for kind, counts in (("small", CALLERS), ("large", LARGE_CALLERS)):
        for count in counts[:4:3] if short else counts:
            outcome = closed(target, seconds, **{kind: count})
            rate = outcome.rate(kind)
            report.peak = max(report.peak, rate) if kind == "small" else report.peak
            cells = [kind, str(count), f"{rate:.1f}", *_refused(outcome), *_times(outcome, kind, 0.5, 0.95, 0.99)]
            report.add("callers", outcome, [*cells, _cpu(outcome)])
            point = (count, rate, outcome.percentile(kind, 0.5), outcome.percentile(kind, 0.99))
            report.curves.setdefault(f"callers {kind}", []).append(point)


def find_peak(report: Report, target: Target, seconds: float) -> None:
    """The most that is answered, where not all numbers of callers are tried."""
    report.peak = _most(target, seconds)


def _most(target: Target, seconds: float) -> float:
    """The small pictures that are answered in a second at the moment; the same machine is faster or slower later."""
    return closed(target, seconds, small=16).rate("small")


def arrivals(report: Report, target: Target, seconds: float, short: bool = False) -> None:
    """Pictures at a rate that does not heed the answers, up to three times what can be served."""
    unloaded = float("nan")
    for share in (0.2, 2.0) if short else SHARES:
        rate = share * report.peak
        most = [_most(target, seconds)] if share == 2 and not short else []
        # Few come at the lowest rate, and one in a hundred of them is what the others are compared with.
        watched = 3 * seconds if share == SHARES[0] and not short else seconds
        outcome = arriving(target, watched, rate, OVERFLOW if share > 1 and not short else FILL_UP)
        most += [_most(target, seconds)] if most else []
        answered, p99 = outcome.rate("small"), outcome.percentile("small", 0.99)
        cells = [f"{share:g} x", f"{rate:.0f}", f"{answered:.1f}", *_refused(outcome)]
        report.add("arrivals", outcome, [*cells, *_times(outcome, "small", 0.5, 0.95, 0.99)])
        report.curves.setdefault("arrivals", []).append(
            (rate, answered, outcome.percentile("small", 0.5), p99, outcome.refused / outcome.seconds)
        )
        if share == SHARES[0]:
            unloaded = p99
        if most and answered < 0.9 * (beside := statistics.mean(most)):
            report.broken.append(
                f"{target.name}: at 2 x {answered:.1f}/s are answered, of {beside:.1f} before and after"
            )
        if share == 2 and p99 > 3 * unloaded:
            report.broken.append(f"{target.name}: at 2 x p99 is {p99:.0f} ms, unloaded {unloaded:.0f}")


def mixed(report: Report, target: Target, seconds: float) -> None:
    """Many who send small pictures beside few who send large ones, and each of them alone."""
    for counts in ({"small": 8}, {"large": 2}, {"small": 8, "large": 2}):
        outcome = closed(target, seconds, **counts)
        cells = [", ".join(f"{count} {kind}" for kind, count in counts.items())]
        for kind in ("small", "large"):
            if kind in counts:
                cells += [f"{outcome.rate(kind):.1f}", *_times(outcome, kind, 0.5, 0.99)]
            else:
                cells += [""] * 3
        report.add("mixed", outcome, [*cells, *_refused(outcome)])


def visitors(report: Report, target: Target, seconds: float, short: bool = False) -> None:
    """Visitors of the page, who look at their bars for some seconds before they hand in the next photo."""
    for count in VISITORS[:2] if short else VISITORS:
        outcome = closed(target, max(seconds, 12), visitors=count)
        rate = outcome.rate("bars")
        cells = [str(count), f"{rate:.1f}", *_times(outcome, "page", 0.5, 0.95), *_times(outcome, "bars", 0.5, 0.95)]
        report.add("visitors", outcome, [*cells, str(outcome.refused), str(len(outcome.failures)), _cpu(outcome)])
        point = (count, rate, outcome.percentile("bars", 0.5), outcome.percentile("bars", 0.95))
        report.curves.setdefault("visitors", []).append(point)


def costs(report: Report, target: Target, count: int = 40) -> None:
    """The CPU that the target takes for one of each, without anything beside it; nothing where that is not known."""
    if not target.cpu:
        return

    def per_one(what: str, work: Callable[[], object]) -> None:
        work()
        before = target.cpu() if target.cpu else 0.0
        for _ in range(count):
            work()
        taken = ((target.cpu() if target.cpu else 0.0) - before) / count
        report.rows.setdefault("costs", []).append([target.name, what, f"{taken * 1000:.0f} ms"])

    def visit() -> None:
        with opened(target.address):
            pass

    with client(target.address) as http:
        for kind, picture in pictures().items():
            per_one(f"a request, {_SAID[kind]}", partial(http.post, "/api/v1/classify", content=picture))
    with opened(target.address) as tab:
        for kind, picture in pictures().items():
            per_one(f"a picture on the page, {_SAID[kind]}", partial(_show, tab, picture))
    per_one("a visit, until the page is drawn", visit)
    print("\n".join(report.lines("costs")), flush=True)


def _show(tab: Tab, picture: bytes) -> None:
    answer = tab.show(another(picture))
    if not answer.labels:
        raise RuntimeError(f"the page says: {answer.refusal}")


def lasting(report: Report, target: Target, minutes: float) -> None:
    """Four fifths of what can be served, for long: nothing may fail, nothing may grow."""
    rate, held = 0.8 * report.peak, list[float]()
    for part in (1 / 3, 2 / 3):
        start = time.monotonic()
        outcome = arriving(target, part * minutes * 60, rate)
        held.append(target.memory() if target.memory else float("nan"))
        sent = len(outcome.waited.get("small", ())) + outcome.refused
        cells = [f"{(time.monotonic() - start) / 60:.0f}", f"{rate:.0f}", str(sent - outcome.refused)]
        cells += [str(outcome.refused), str(len(outcome.failures)), *_times(outcome, "small", 0.5, 0.99)]
        report.add("lasting", outcome, [*cells, f"{held[0]:.0f}", f"{held[-1]:.0f}"])
    if held[1] > GROWTH * held[0]:
        report.broken.append(f"{target.name}: memory grew from {held[0]:.0f} to {held[1]:.0f} MB")


def _refused(outcome: Outcome) -> Iterator[str]:
    yield f"{outcome.refused / outcome.seconds:.1f}"
    yield str(len(outcome.failures))


def _times(outcome: Outcome, kind: str, *shares: float) -> Iterator[str]:
    for share in shares:
        yield f"{outcome.percentile(kind, share):.0f} ms"


def _cpu(outcome: Outcome) -> str:
    return "" if outcome.cpu is None else f"{outcome.cpu * 1000:.1f} s"
