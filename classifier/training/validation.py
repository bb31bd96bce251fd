"""Cross-validation: each photo judged by a layer that was fitted without it, and how strongly to regularise.

What is said of a model's accuracy rests on this alone: on photos that a layer was fitted to, it is nearly always right.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation import calibration
from classifier.training import softmax
from classifier.training.softmax import Axes, Fit, Numbers

STRENGTHS = tuple(float(f"{10**power:.2g}") for power in np.arange(0, -4.6, -0.5))
"""The strengths of the regularisation that are tried, the strongest first, for features of a mean square of 1."""

_FOLDS, _MANY_FOLDS = 5, 10
_FEW = 300  # photos, up to which there are more folds, as each photo counts
_LARGE = 50_000_000  # numbers in a fit: photos x axes x classes, above which one fold chooses the strength
_ROUGH = 1e-3  # how exactly the layers are fitted that only judge


@dataclass(frozen=True, slots=True)
class Validation:
    """What cross-validation found.

    Attributes:
        strength: the strength of the regularisation with the least loss.
        folds: how many folds there were.
        logits: `(photos, classes)`, of each photo by a layer that was fitted without it.
    """

    strength: float
    folds: int
    logits: NDArray[np.float32]


def weights(truths: Numbers, classes: int) -> NDArray[np.float64]:
    """How much each photo counts: those of a class together as the square root of their number."""
    counts = np.bincount(truths, minlength=classes)
    return np.asarray(1 / np.sqrt(counts[truths]))


def folds(truths: Numbers) -> NDArray[np.intp]:
    """The fold of each photo: those of a class are dealt out in turn, and always in the same way."""
    count = _MANY_FOLDS if len(truths) <= _FEW else _FOLDS
    order = np.random.default_rng(0).permutation(len(truths))
    found = np.empty(len(truths), np.intp)
    dealt = 0
    for label in np.unique(truths):
        own = order[truths[order] == label]
        found[own] = (np.arange(len(own)) + dealt) % count
        dealt += len(own)  # goes on where it stopped, so that small classes do not all lack the same folds
    return found


def validate(axes: Axes, truths: Numbers, classes: int, strengths: Sequence[float] = STRENGTHS) -> Validation:
    """Chooses the strength of the regularisation, and judges each photo without it.

    Args:
        axes: the features of all photos.
        truths: the class of each, `(N,)`.
        classes: how many classes there are.
        strengths: what to choose from, the strongest first.
    """
    dealt = folds(truths)
    count = int(dealt.max()) + 1
    if axes.values.size * classes > _LARGE:
        strengths = [_strength(axes, truths, classes, dealt == 0, strengths)]
    logits = np.empty((len(strengths), len(truths), classes), np.float32)
    for fold in range(count):
        held = dealt == fold
        for number, one in enumerate(_path(axes, truths, ~held, classes, strengths)):
            logits[number, held] = one.logits(axes.values[held])
    best = int(np.argmin([_loss(one, truths) for one in logits]))
    return Validation(strengths[best], count, logits[best])


def _strength(axes: Axes, truths: Numbers, classes: int, held: NDArray[np.bool_], strengths: Sequence[float]) -> float:
    """The strength that one fold chooses: where there is much to fit, and enough in a fold to tell."""
    losses: list[float] = []
    for one in _path(axes, truths, ~held, classes, strengths):
        losses.append(_loss(one.logits(axes.values[held]), truths[held]))
        if losses[-1] > min(losses):  # weaker ones take ever longer, and are no better
            break
    return strengths[int(np.argmin(losses))]


def _path(
    axes: Axes, truths: Numbers, kept: NDArray[np.bool_], classes: int, strengths: Sequence[float]
) -> Iterator[Fit]:
    """The fits of all strengths, each begun from the one before."""
    values, labels, fitted = axes.values[kept], truths[kept], None
    counts = weights(truths, classes)[kept]
    for strength in strengths:
        fitted = softmax.fit(values, labels, classes, strength, weights=counts, start=fitted, exact=_ROUGH)
        yield fitted


def temperature(logits: NDArray[np.float32], truths: Numbers) -> float:
    """The temperature that suits logits; 1 where the photos cannot tell, such as when all answers are right."""
    found = calibration.calibrate(logits, truths, 1.0)
    return 1.0 if found.problem else found.after.temperature


def _loss(logits: NDArray[np.float32], truths: Numbers) -> float:
    """The cross-entropy, in nats per photo, at the temperature that the model would get.

    At a temperature of 1 strong regularisation seems bad for its small logits alone, and the weakest is chosen.
    """
    return calibration.nll(logits, truths, temperature(logits, truths))
