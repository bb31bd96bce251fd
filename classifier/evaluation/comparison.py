"""Compares two models, or two runs, on the same pictures: whether one is right more often, or chance explains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from classifier.errors import InputError
from classifier.evaluation.metrics import Z


@dataclass(frozen=True, slots=True)
class Comparison:
    """How often each of two is right on the same pictures.

    Attributes:
        name: of the other one.
        both: pictures that both have right.
        only_this: those that only the one that was measured has right.
        only_other: those that only the other one has right.
        neither: those that neither has right.
        unpaired: pictures that only one of them was measured on, which are left out.
    """

    name: str
    both: int
    only_this: int
    only_other: int
    neither: int
    unpaired: int

    @property
    def pictures(self) -> int:
        """Pictures that both were measured on."""
        return self.both + self.only_this + self.only_other + self.neither

    @property
    def difference(self) -> float:
        """The accuracy of this one minus that of the other one, -1 to 1."""
        return (self.only_this - self.only_other) / self.pictures

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the difference.

        Wald's for pairs, with half a picture added to each cell: Agresti and Min (2005), Simple improved confidence
        intervals for comparing matched proportions.
        """
        this, other, total = self.only_this + 0.5, self.only_other + 0.5, self.pictures + 2.0
        middle = (this - other) / total
        half = Z * math.sqrt(this + other - (this - other) ** 2 / total) / total
        return max(-1.0, middle - half), min(1.0, middle + half)

    @property
    def p(self) -> float:
        """The p-value of McNemar's test, exact and two-sided."""
        return mcnemar(self.only_this, self.only_other)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        own = {"pictures": self.pictures, "difference": self.difference, "interval": self.interval, "mcnemar_p": self.p}
        return {**asdict(self), **own}


def mcnemar(only_this: int, only_other: int) -> float:
    """The p-value of McNemar's test, exact and two-sided: the chance of a split at least as uneven if both are equal.

    McNemar (1947), Note on the sampling error of the difference between correlated proportions.

    Args:
        only_this: pictures that only one has right.
        only_other: pictures that only the other one has right.
    """
    total, fewer = only_this + only_other, min(only_this, only_other)
    logs = (_log_choose(total, k) - total * math.log(2) for k in range(fewer + 1))
    return min(1.0, 2 * math.fsum(map(math.exp, logs)))


def compare(name: str, this: Mapping[str, bool], other: Mapping[str, bool]) -> Comparison:
    """Pairs two runs by picture.

    Args:
        name: of the other run.
        this: whether each picture is right, by file.
        other: the same of the other run.

    Raises:
        InputError: they have no picture in common.
    """
    shared = this.keys() & other.keys()
    if not shared:
        raise InputError(f"{name}: it has no picture in common with what was measured, so there is nothing to compare.")
    counts = {(mine, theirs): 0 for mine in (True, False) for theirs in (True, False)}
    for one in shared:
        counts[this[one], other[one]] += 1
    unpaired = len(this.keys() ^ other.keys())
    return Comparison(
        name, counts[True, True], counts[True, False], counts[False, True], counts[False, False], unpaired
    )


def _log_choose(total: int, part: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(part + 1) - math.lgamma(total - part + 1)
