"""Cross-validation: each photo judged by a layer that was fitted without it, and how strongly to regularise.

What is said of a model's accuracy rests on this alone: on photos that a layer was fitted to, it is nearly always right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation import calibration
from classifier.training import softmax
from classifier.training.softmax import Axes, Fit, Numbers, Reals

STRENGTHS = tuple(float(f"{10**power:.2g}") for power in np.arange(0, -5.1, -0.5))
"""The strengths of the regularisation that are tried, the strongest first, for features of a mean square of 1."""

_FOLDS, _MANY_FOLDS = 5, 10
_FEW = 300  # photos, up to which there are more folds, as each photo counts
_LARGE = 1_000_000_000  # numbers in a fit: photos x axes x classes, above which one fold chooses the strength
_ROUGH = 3e-3  # how exactly the layers are fitted that only judge


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


def validate(
    axes: Axes, truths: Numbers, photos: Numbers, plain: Numbers, classes: int, strengths: Sequence[float] = STRENGTHS
) -> Validation:
    """Chooses the strength of the regularisation, and judges each photo without it.

    Args:
        axes: features of all views of all photos.
        truths: the class of each view, `(N,)`.
        photos: the photo of each view, `(N,)`, from 0: all views of a photo are in the same fold.
        plain: which view is the photo as the model will see it, by photo.
        classes: how many classes there are.
        strengths: what to choose from, the strongest first.
    """
    own = truths[plain]
    dealt = folds(own)
    count = int(dealt.max()) + 1
    each = weights(truths, classes)
    large = axes.values.size * classes > _LARGE
    logits = np.full((len(strengths), len(own), classes), np.nan, np.float32) if not large else None
    if logits is not None:
        for fold in range(count):
            held = dealt == fold
            for number, one in enumerate(_path(axes, truths, ~held[photos], classes, each, strengths)):
                logits[number, held] = one.logits(axes.values[plain[held]])
        best = int(np.argmin([_loss(one, own) for one in logits]))
        return Validation(strengths[best], count, logits[best])
    held = dealt == 0
    losses = []
    for one in _path(axes, truths, ~held[photos], classes, each, strengths):
        losses.append(_loss(one.logits(axes.values[plain[held]]), own[held]))
        if losses[-1] > min(losses):  # weaker ones fit ever longer, and no better
            break
    strength = strengths[int(np.argmin(losses))]
    found = np.empty((len(own), classes), np.float32)
    for fold in range(count):
        held = dealt == fold
        (one,) = _path(axes, truths, ~held[photos], classes, each, [strength])
        found[held] = one.logits(axes.values[plain[held]])
    return Validation(strength, count, found)


def _path(
    axes: Axes, truths: Numbers, kept: NDArray[np.bool_], classes: int, each: Reals, strengths: Sequence[float]
) -> list[Fit]:
    """The fits of all strengths, each begun from the one before."""
    fits: list[Fit] = []
    values, labels, counts = axes.values[kept], truths[kept], each[kept]
    for strength in strengths:
        start = fits[-1] if fits else None
        fits.append(softmax.fit(values, labels, classes, strength, weights=counts, start=start, exact=_ROUGH))
    return fits


def _loss(logits: NDArray[np.float32], truths: Numbers) -> float:
    """The cross-entropy, in nats per photo."""
    return calibration.nll(logits, truths, 1.0)
