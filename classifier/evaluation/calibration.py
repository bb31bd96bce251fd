"""Fits the temperature that calibrates a model's scores: one number by which logits are divided before the softmax.

It changes no answer, only the score that the answer gets. Guo et al. (2017), On Calibration of Modern Neural Networks,
section 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.metrics import Floats, Ints, expected_calibration_error, reliability

BOUNDS = (0.05, 20.0)
"""The range of temperatures that are tried. If the best one is outside, a temperature cannot calibrate the scores: all
answers are right, or they have nothing to do with the pictures.
"""

FEW = 100
"""With fewer pictures than this, a temperature or an expected calibration error is mostly chance."""

LEAST = 10
"""With fewer pictures than this, a temperature is nothing but chance."""

_SIGNIFICANT = 10.83  # what twice a gain of log-likelihood by one parameter exceeds once in 1,000 cases by chance


@dataclass(frozen=True, slots=True)
class Quality:
    """How well scores are calibrated at a temperature: negative log-likelihood in nats per picture, ECE from 0 to 1."""

    temperature: float
    nll: float
    ece: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, and what it changes on the pictures that it was fitted to.

    Attributes:
        pictures: number of these pictures.
        right: number of pictures whose first answer is right; no temperature changes it.
        before: with the package's own temperature.
        after: with the fitted one.
        unbounded: whether the temperature ran into one of `BOUNDS`.
        classes: number of the model's classes.
    """

    pictures: int
    right: int
    before: Quality
    after: Quality
    unbounded: bool
    classes: int

    @property
    def problem(self) -> str | None:
        """Why the temperature should not be used; None if it may be."""
        temperature = self.after.temperature
        if self.unbounded and temperature == BOUNDS[0]:
            return (
                f"it reached its limit of {temperature:g}, because every picture is right, or nearly: use harder ones"
            )
        if self.pictures < LEAST and not self.unbounded:
            return f"{self.pictures} pictures say too little: use {FEW} or more, better 1000"
        # A temperature without end would give all classes the same score: the scores must be worth more than that.
        gain = 2 * self.pictures * (math.log(self.classes) - self.after.nll)
        if self.unbounded or gain < _SIGNIFICANT:
            limit = f"it reached its limit of {temperature:g}, because " if self.unbounded else ""
            return f"{limit}the scores say nothing about these classes: look at the labels"
        return None


_STEPS = 24  # halvings of the range of log temperatures, which gives the temperature with a relative error of 4e-7
_ROWS = 1024  # pictures at a time, which take 8 MB for a thousand classes


def calibrate(log_scores: Floats, truths: Ints, temperature: float) -> Calibration:
    """Fits a temperature, to four digits, and compares it with the present one.

    Args:
        log_scores: as for `fit_temperature`.
        truths: as for `fit_temperature`.
        temperature: the present one.
    """
    fitted = fit_temperature(log_scores, truths)
    right = log_scores.argmax(axis=1) == truths

    def quality(temperature: float) -> Quality:
        ece = expected_calibration_error(reliability(confidences(log_scores, temperature), right))
        return Quality(temperature, nll(log_scores, truths, temperature), ece)

    before, after = quality(temperature), quality(float(f"{fitted:.4g}"))
    return Calibration(len(truths), int(right.sum()), before, after, fitted in BOUNDS, log_scores.shape[1])


def fit_temperature(log_scores: Floats, truths: Ints) -> float:
    """The temperature with the least negative log-likelihood.

    The negative log-likelihood is convex in 1 / temperature, so its slope changes sign only once, and bisection always
    finds where.

    Args:
        log_scores: logits or log-probabilities at temperature 1, `(N, classes)`; -inf where a class is ruled out.
        truths: the class of each picture, `(N,)`.

    Returns:
        A temperature within `BOUNDS`; one of them when the likelihood still grows there.
    """
    low, high = (math.log(bound) for bound in BOUNDS)
    if _slope(log_scores, truths, math.exp(low)) >= 0:
        return BOUNDS[0]
    if _slope(log_scores, truths, math.exp(high)) <= 0:
        return BOUNDS[1]
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _slope(log_scores, truths, math.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def nll(log_scores: Floats, truths: Ints, temperature: float) -> float:
    """The negative log-likelihood, in nats per picture, at a temperature.

    Args:
        log_scores: as for `fit_temperature`.
        truths: as for `fit_temperature`.
        temperature: divides them.
    """
    total = 0.0
    for scaled, own in _scaled(log_scores, truths, temperature):
        total += float((np.log(np.exp(scaled).sum(axis=1)) - own).sum())
    return total / len(log_scores)


def confidences(log_scores: Floats, temperature: float) -> NDArray[np.float64]:
    """The best score of each picture, `(N,)`, at a temperature."""
    unused = np.zeros(len(log_scores), np.intp)
    return np.concatenate([1 / np.exp(scaled).sum(axis=1) for scaled, _ in _scaled(log_scores, unused, temperature)])


def _slope(log_scores: Floats, truths: Ints, temperature: float) -> float:
    """The derivative of the negative log-likelihood by the logarithm of the temperature."""
    total = 0.0
    for scaled, own in _scaled(log_scores, truths, temperature):
        weights = np.exp(scaled)
        # A class that is ruled out has the weight 0, and 0 times -inf would be NaN.
        expected = (weights * np.where(weights > 0, scaled, 0)).sum(axis=1) / weights.sum(axis=1)
        total += float((own - expected).sum())
    return total / len(log_scores)


def _scaled(
    log_scores: Floats, truths: Ints, temperature: float
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For some pictures at a time: the scores, divided by the temperature, of all classes and of the true one.

    They are shifted so that the best score is 0.
    """
    # A true class that is ruled out would make the sum infinite: it gets half of the least probability there is.
    floor = float(log_scores.min(where=np.isfinite(log_scores), initial=0)) - math.log(2)
    for start in range(0, len(log_scores), _ROWS):
        rows = log_scores[start : start + _ROWS].astype(np.float64)
        own = np.maximum(rows[np.arange(len(rows)), truths[start : start + _ROWS]], floor)
        best = rows.max(axis=1)
        yield (rows - best[:, None]) / temperature, (own - best) / temperature
