"""Measures several ways of doing the same in turns, so that other load on the machine slows all of them alike."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was done.
        ours: our time, for people.
        against: the other way and its time.
        ratio: how many times faster ours is.
        wanted: the least ratio that is promised, or None if the ratio is only reported.
    """

    what: str
    ours: str
    against: str
    ratio: float
    wanted: float | None = None


def seconds(ways: Mapping[str, Callable[[], object]], rounds: int, warm: int = 3) -> dict[str, float]:
    """The median of what `times` measures."""
    return {name: statistics.median(taken) for name, taken in times(ways, rounds, warm).items()}


def times(ways: Mapping[str, Callable[[], object]], rounds: int, warm: int = 3) -> dict[str, list[float]]:
    """The times of each way in seconds, by round: each is run once a round, in random order.

    Args:
        ways: what to run, by name.
        rounds: number of rounds.
        warm: runs of each way before the rounds, which are not timed.
    """
    for way in ways.values():
        for _ in range(warm):
            way()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    order = random.Random(0)  # noqa: S311  (no secret)
    for _ in range(rounds):
        for name in order.sample(list(ways), len(ways)):
            start = time.perf_counter()
            ways[name]()
            taken[name].append(time.perf_counter() - start)
    return taken


def compare(
    what: str,
    ours: Callable[[], object],
    others: Mapping[str, Callable[[], object]],
    rounds: int,
    wanted: float | None,
    warm: int = 3,
) -> Row:
    """A row of the table: ours against the fastest of the others."""
    return row(what, seconds({"ours": ours, **others}, rounds, warm), others, wanted)


def row(what: str, taken: Mapping[str, float], others: Iterable[str], wanted: float | None) -> Row:
    """The same row, from the times that `seconds` found for `ours` and, by name, for the others."""
    best = min(others, key=lambda name: taken[name])
    return Row(what, _time(taken["ours"]), f"{best}: {_time(taken[best])}", taken[best] / taken["ours"], wanted)


def _time(value: float) -> str:
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"
