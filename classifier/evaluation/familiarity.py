"""Fits what a package's `unknown.npz` holds: the measure of how familiar a picture is to a model.

It takes nothing but features of pictures of the model's own classes; docs/unknown.md compares it with other measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from classifier.evaluation.metrics import Floats, Ints
from classifier.package.unknown import Unknown

COMPONENTS = 64
"""Directions in which own pictures may differ, at most: with 32, 64 and 128 of them the ten-class model tells other
things apart equally well.
"""

KEPT = 0.96
"""Share of the right answers on own pictures, not fitted to, that stay familiar."""

MIDDLE = 0.95
"""How familiar the middle one of these pictures is."""

EACH = 10
"""The fewest pictures of each class that are fitted to: a class without any would be called unknown."""

FEWEST = 50
"""The fewest pictures in all."""

_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Familiarity:
    """A fitted measure, and the pictures that it was fitted to.

    Attributes:
        unknown: the measure.
        pictures: their number.
        right: number of those that the model is right about.
        kept: share of the right ones that are familiar to a measure that was fitted without them.
        lacking: indices of the classes with fewer than `EACH` pictures.
    """

    unknown: Unknown
    pictures: int
    right: int
    kept: float
    lacking: tuple[int, ...]

    @property
    def usable(self) -> bool:
        """Whether there are enough pictures of every class."""
        return not self.lacking and self.pictures >= FEWEST


def fit(features: Floats, truths: Ints, right: NDArray[np.bool_], classes: int, weights: Sequence[str]) -> Familiarity:
    """Fits a measure to pictures of a model's own classes.

    The threshold is the distance within which `KEPT` of the right answers lie, each measured from the pictures of the
    other folds: distances from pictures that were fitted to would be too short.

    Args:
        features: pooled, `(N, channels)`.
        truths: the class of each picture, `(N,)`.
        right: whether the model's answer is right, `(N,)`.
        classes: how many classes the model has.
        weights: the sha256 of the model's weights.
    """
    folds = _folds(truths)
    distances = np.empty(len(features))
    for fold in range(_FOLDS):
        held = folds == fold
        if not held.all() and held.any():
            distances[held] = _distances(_measure(features[~held]), features[held])
        else:  # one picture, or a few alike
            distances[held] = _distances(_measure(features), features[held])
    trusted = distances[right] if right.any() else distances
    threshold = max(float(np.quantile(trusted, KEPT)), 1e-6)
    slope = max(threshold - float(np.median(trusted)), 1e-3 * threshold) / math.log(MIDDLE / (1 - MIDDLE))
    counts = np.bincount(truths, minlength=classes)
    unknown = replace(_measure(features), threshold=threshold, slope=slope, weights=tuple(weights))
    lacking = tuple(int(index) for index in np.flatnonzero(counts < EACH))
    return Familiarity(unknown, len(features), int(right.sum()), float((trusted <= threshold).mean()), lacking)


def _measure(features: Floats) -> Unknown:
    """The measure, but for where the threshold is."""
    x = features.astype(np.float64)
    x /= np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    mean = x.mean(axis=0)
    x -= mean
    # Not more than a tenth of the pictures, since the last ones would be noise, and few enough that most are left.
    count = max(1, min(COMPONENTS, len(x) // 10, x.shape[1] // 4))
    components = _directions(x)[:count]
    z = x @ components.T
    scale = max(float(((x * x).sum(axis=1) - (z * z).sum(axis=1)).mean()), 1e-9)
    return Unknown(mean.astype(np.float32), components.astype(np.float32), scale, threshold=1.0, slope=1.0)


def _directions(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The principal directions of centred values, as rows, those with the most variance first."""
    if len(x) < x.shape[1]:
        return np.linalg.svd(x, full_matrices=False)[2]
    return np.linalg.eigh(x.T @ x)[1][:, ::-1].T


def _distances(measure: Unknown, features: Floats) -> NDArray[np.float64]:
    return np.array([measure.distance(one) for one in features])


def _folds(truths: Ints) -> NDArray[np.intp]:
    """The fold of each picture: those of a class are dealt out in turn, always the same way."""
    order = np.random.default_rng(0).permutation(len(truths))
    folds = np.empty(len(truths), np.intp)
    for label in np.unique(truths):
        own = order[truths[order] == label]
        folds[own] = (np.arange(len(own)) + label) % _FOLDS
    return folds
