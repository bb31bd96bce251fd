"""Fits conformal prediction sets: sets of classes that hold the right one as often as was asked for.

The guarantee needs no assumption about the model, only that pictures to come are like those that were fitted to: the
chance that a new picture's set holds its class is at least the coverage (Vovk, Gammerman and Shafer 2005; Angelopoulos
and Bates 2023, Conformal Prediction: A Gentle Introduction, section 1). The score is LAC, see `Conformal`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context
from fractions import Fraction
from functools import cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.calibration import LEAST
from classifier.evaluation.metrics import Bools, Floats, Ints
from classifier.package import unknown
from classifier.package.manifest import Conformal, FittedTo, Manifest
from classifier.postprocessing import softmax
from classifier.views import View

LOWEST, HIGHEST = 0.5, 0.999
"""The coverages that can be asked for: below, a set is wrong more often than right; above, it takes 3,000 pictures."""

NEARLY_ALL = 0.5
"""Sets that leave out less than this share of the other classes, on average, say next to nothing."""

_CHANCE = 0.05  # how often the pictures may happen to be ones that give a much lower coverage
_SLACK = 1e-4  # by how much probabilities of different backends and roundings may differ, as a share
_DIGITS = 6  # of a threshold


@dataclass(frozen=True, slots=True)
class Sets:
    """The threshold that was fitted, and what sets it makes.

    Attributes:
        coverage: what was asked for, 0 to 1.
        threshold: the least probability of a class in the set; None if there are too few pictures for any.
        temperature: divides the logits of the probabilities.
        pictures: number of pictures that it was fitted to.
        left_out: pictures for which nothing can be promised, so that nothing was fitted to them.
        classes: number of the model's classes.
        shown: number of classes that these pictures show.
        right: how many of the first answers are right.
        sizes: how many classes are in the set of each picture, `(pictures,)`; empty without a threshold.
    """

    coverage: float
    threshold: float | None
    temperature: float
    pictures: int
    left_out: int
    classes: int
    shown: int
    right: int
    sizes: NDArray[np.intp]

    @property
    def likely(self) -> tuple[float, float] | None:
        """Where the coverage really is, for such a number of pictures, in 90 of 100 cases; None without a threshold."""
        return None if self.threshold is None else true_coverage(self.pictures, self.coverage)

    @property
    def mean_size(self) -> float:
        """How many classes are in a set on average."""
        return float(self.sizes.mean())

    @property
    def problem(self) -> str | None:
        """Why the sets should not be used; None if they may be."""
        if self.pictures < (few := fewest(self.coverage)):
            return f"{self.pictures} pictures are too few to promise {self.coverage:g}: use {few} or more"
        return None

    def table(self, fitted_to: FittedTo, view: View, manifest: Manifest) -> Conformal:
        """What a package holds of it.

        Args:
            fitted_to: the pictures.
            view: what the model saw of them, not "both".
            manifest: of the package.
        """
        about = {name: getattr(fitted_to, name) for name in FittedTo.model_fields}
        own = {name: getattr(self, name) for name in ("coverage", "threshold", "temperature")}
        return Conformal(**own, view=view, weights=unknown.hashes(manifest), **about)

    @property
    def nearly_all(self) -> bool:
        """Whether the sets hold so many classes that they say next to nothing."""
        return self.threshold is not None and self.mean_size - 1 > NEARLY_ALL * (self.classes - 1)


def fit(log_scores: Floats, truths: Ints, promised: Bools, coverage: float, temperature: float) -> Sets:
    """Fits the threshold: of so many pictures, the probability that so many right classes reach.

    Args:
        log_scores: logits or log-probabilities at temperature 1, `(N, classes)`; -inf where a class is ruled out.
        truths: the class of each picture, `(N,)`.
        promised: whether a set will be given for such a picture, `(N,)`, as in `Scores`: for those alone the promise
            is made, so that only they count.
        coverage: the share of sets that are to hold the right class, `LOWEST` to `HIGHEST`.
        temperature: divides the logits.
    """
    rows = np.flatnonzero(promised).tolist()
    pictures, classes = len(rows), log_scores.shape[1]

    def chances(row: int) -> NDArray[np.float32]:
        """One at a time: those of all pictures and classes would take as much memory again."""
        return softmax(log_scores[row].astype(np.float32) / np.float32(temperature))

    threshold, sizes, rank = None, np.array([], np.intp), _needed(pictures, coverage)
    if rank <= pictures:
        own = sorted((float(chances(row)[truths[row]]) for row in rows), reverse=True)
        threshold = _rounded_down(own[rank - 1] * (1 - _SLACK))
        sizes = np.array([max(1, int((chances(row) >= threshold).sum())) for row in rows])
    right = int((log_scores[rows].argmax(axis=1) == truths[rows]).sum())
    shown, left_out = len(np.unique(truths[rows])), len(promised) - pictures
    return Sets(coverage, threshold, temperature, pictures, left_out, classes, shown, right, sizes)


def _needed(pictures: int, coverage: float) -> int:
    """How many of the right classes must reach the threshold: the coverage of one more than there are pictures."""
    return math.ceil((pictures + 1) * Fraction(repr(coverage)))  # exact: 0.55 x 100 is more than 55 in floats


def _rounded_down(threshold: float) -> float:
    return float(Context(prec=_DIGITS, rounding=ROUND_DOWN).create_decimal_from_float(threshold))


@cache
def fewest(coverage: float) -> int:
    """The fewest pictures that are worth a promise.

    With fewer, it happens more than once in 20 times that the sets are wrong twice as often as was promised, or more;
    below 1 / (1 - coverage) - 1 pictures there is no threshold at all. And `LEAST` for the temperature.
    """
    wrong = 1 - Fraction(repr(coverage))

    def enough(pictures: int) -> bool:
        return _below(1 - 2 * float(wrong), pictures, coverage) <= _CHANCE

    # Where one more miss is allowed, the chance is highest: from the first such number that is enough, all are.
    most = next(one for misses in count(1) if enough(one := math.ceil(misses / wrong) - 1))
    return max(LEAST, next(one + 1 for one in range(most, -1, -1) if not enough(one)))


def true_coverage(pictures: int, coverage: float) -> tuple[float, float]:
    """Where the coverage really lies in 90 of 100 cases: it varies with the pictures that happened to be fitted to.

    It has a beta distribution (Angelopoulos and Bates 2023, section 3.2).
    """
    return _quantile(_CHANCE, pictures, coverage), _quantile(1 - _CHANCE, pictures, coverage)


def _quantile(share: float, pictures: int, coverage: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _below(middle, pictures, coverage) < share else (low, middle)
    return (low + high) / 2


def _below(value: float, pictures: int, coverage: float) -> float:
    """The chance that the real coverage is below a value.

    It has the distribution Beta(k, N + 1 - k), of which this is the chance that k or more of N throws succeed.
    """
    misses = np.arange(max(0, pictures - _needed(pictures, coverage) + 1))
    if not len(misses):  # no threshold
        return 1.0
    if value <= 0:
        return 0.0
    steps = np.log((pictures - misses[:-1]) / (misses[:-1] + 1))
    logs = (
        np.concatenate([[0.0], np.cumsum(steps)]) + misses * math.log1p(-value) + (pictures - misses) * math.log(value)
    )
    return float(np.exp(logs).sum())
