"""A layer fitted to photos, and what cross-validation says of it: its accuracy, temperature and doubts."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from classifier.errors import InputError
from classifier.evaluation import calibration, familiarity, metrics
from classifier.evaluation.familiarity import Familiarity
from classifier.evaluation.fingerprints import DIGITS
from classifier.evaluation.measure import Answer, answer
from classifier.postprocessing import softmax as probabilities
from classifier.result import Scores
from classifier.training import softmax, validation
from classifier.training.examples import Examples
from classifier.training.softmax import Axes, Reals
from classifier.training.validation import Validation

RIGHT = 0.9
"""Of the answers that are called sure, this share should be right."""

UNSURE = (0.5, 0.9)
"""The range of `unsure_below`: below 0.5 an answer is more likely wrong than right."""

_QUIET = 0.1  # of the mean deviation of all channels: what varies less is hardly more than noise
_FEW = 30  # photos, with fewer of which a threshold would be chance
_SMALL = 200_000_000  # features x classes, up to which numbers are of 64 bits; beyond, fits would take twice as long


@dataclass(frozen=True)
class Fitted:
    """A layer, and how it judges the photos that it was fitted without.

    Attributes:
        examples: what it was fitted to.
        weights: `(classes, channels)`.
        bias: `(classes,)`.
        validation: the logits of each photo by a layer that was fitted without it.
        temperature: divides the logits before the softmax.
        unsure_below: the best score below which an answer is unsure.
    """

    examples: Examples
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    validation: Validation
    temperature: float
    unsure_below: float

    @cached_property
    def answers(self) -> list[Answer]:
        """The answer for each photo, by a layer that was fitted without it."""
        given = []
        about = zip(self.examples.files, self.examples.hashes, self.examples.truths.tolist(), strict=True)
        for (file, found, truth), logits in zip(about, self.validation.logits, strict=True):
            scores = probabilities(logits / np.float32(self.temperature))
            logs = logits - np.float32(np.logaddexp.reduce(logits))
            one = answer(file, truth, Scores(scores, logs, bool(scores.max() >= self.unsure_below)))
            given.append(replace(one, fingerprint=found[:DIGITS]))
        return given

    @cached_property
    def right(self) -> int:
        """Of how many photos the answer is right."""
        return sum(one.right for one in self.answers)

    @property
    def accuracy(self) -> float:
        """The share of these, 0 to 1."""
        return self.right / len(self.examples)

    @property
    def interval(self) -> tuple[float, float]:
        """Its 95 % confidence interval."""
        return metrics.interval(self.right, len(self.examples))

    def unknown(self, model: str) -> Familiarity:
        """By which photos of none of the classes are known.

        Args:
            model: the SHA-256 of the weights.
        """
        rights = np.array([one.right for one in self.answers])
        features = self.examples.features.astype(np.float32)
        return familiarity.fit(features, self.examples.truths, rights, len(self.bias), [model])


def fit(examples: Examples) -> Fitted:
    """Fits a layer to photos of two classes or more.

    Raises:
        InputError: all have the same features.
    """
    truths, classes = examples.truths, len(examples.classes)
    features = examples.features.astype(np.float32)
    if (features == features[0]).all():
        raise InputError("All photos are alike, such as blank ones: nothing tells their classes apart. Look at them.")
    if features.size * classes < _SMALL:
        features = features.astype(np.float64)
    axes = _axes(features)
    judged = validation.validate(axes, truths, classes)
    counts = validation.weights(truths, classes)
    weights, bias = softmax.fit(axes.values, truths, classes, judged.strength, weights=counts).layer(axes)
    temperature = validation.temperature(judged.logits, truths)
    best = calibration.confidences(judged.logits, temperature)
    threshold = _threshold(best, judged.logits.argmax(axis=1) == truths)
    return Fitted(examples, weights.astype(np.float32), bias.astype(np.float32), judged, temperature, threshold)


def _axes(features: Reals) -> Axes:
    """The axes of features in which channels count alike, nearly, and whose mean square is 1.

    So those few that vary most do not drown the others, and one range of strengths suits all networks.
    """
    spread = features.std(axis=0)
    spread += _QUIET * spread.mean()
    axes = softmax.turned(features / spread)
    size = np.sqrt((axes.values**2).sum(axis=1).mean(), dtype=features.dtype)
    return Axes(axes.mean * spread, axes.axes / (spread * size), axes.values / size)


def _threshold(best: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """The lowest score from which on `RIGHT` of the answers are right, in hundredths and within `UNSURE`."""
    least, most = UNSURE
    if len(best) < _FEW:
        return least
    for threshold in np.arange(least, most, 0.01):
        sure = best >= threshold
        if sure.any() and right[sure].mean() >= RIGHT:
            return round(float(threshold), 2)
    return most
