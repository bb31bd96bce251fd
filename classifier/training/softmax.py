"""Multinomial logistic regression: the weights of a linear layer whose softmax fits classes to features.

Few photos have more channels than there are photos. So the features are turned to their principal axes first, where
each fit is small, and the same for every strength of the regularisation. There L-BFGS (Liu and Nocedal 1989, On the
Limited Memory BFGS Method for Large Scale Optimization) starts from the curvature that bounds the loss's own (Böhning
1992, Multinomial Logistic Regression Algorithm), so that a dozen steps do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating]
Numbers = NDArray[np.integer]

_MEMORY = 10  # steps that L-BFGS remembers
_STEPS = 200
_SMALL = {4: 1e-6, 8: 1e-10}  # of the largest variance: axes with less have none but rounding errors of so many bytes
_ARMIJO = 1e-4


@dataclass(frozen=True, slots=True)
class Axes:
    """Features along axes: their principal ones, or those of features whose channels were scaled.

    Attributes:
        mean: `(channels,)`, which is taken off first.
        axes: `(K, channels)`; of `turned` they are orthonormal.
        values: `(N, K)`, the features along them.
    """

    mean: Reals
    axes: Reals
    values: Reals


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted layer, along the axes: `logits = values @ weights + bias`.

    Attributes:
        weights: `(K, classes)`.
        bias: `(classes,)`, which adds up to 0.
    """

    weights: Reals
    bias: Reals

    def logits(self, values: Reals) -> Reals:
        """The logits `(N, classes)` of features along the axes, `(N, K)`."""
        return values @ self.weights + self.bias

    def layer(self, axes: Axes) -> tuple[Reals, Reals]:
        """The weights `(classes, channels)` and the bias `(classes,)` for the features themselves."""
        weights = self.weights.T @ axes.axes
        return weights, self.bias - weights @ axes.mean


def turned(features: Reals) -> Axes:
    """Turns features `(N, channels)` to their principal axes; those without variance are left out."""
    mean = features.mean(axis=0, dtype=np.float64).astype(features.dtype)
    x = features - mean
    least = _SMALL[x.dtype.itemsize]
    if len(x) <= x.shape[1]:
        squares, vectors = np.linalg.eigh(x @ x.T)
        kept = squares > least * squares[-1]
        lengths = np.sqrt(squares[kept][::-1])
        vectors = vectors[:, kept][:, ::-1]
        return Axes(mean, (vectors / lengths).T @ x, vectors * lengths)
    squares, vectors = np.linalg.eigh(x.T @ x)
    axes = vectors[:, squares > least * squares[-1]][:, ::-1].T
    return Axes(mean, axes, x @ axes.T)


def fit(
    values: Reals,
    truths: Numbers,
    classes: int,
    strength: float,
    *,
    weights: Reals | None = None,
    start: Fit | None = None,
    exact: float = 1e-4,
) -> Fit:
    """Fits a layer: the least of the mean cross-entropy plus `strength / 2` times the sum of the squared weights.

    The problem is convex, so there is one solution; the bias is not held back.

    Args:
        values: features along their axes, `(N, K)`.
        truths: the class of each, `(N,)`.
        classes: how many classes there are.
        strength: of the regularisation, above 0.
        weights: how much each counts, `(N,)`; all the same if None.
        start: where to begin, such as the fit of another strength.
        exact: the largest gradient, as a share of that at zero, at which it ends.
    """
    dtype = values.dtype
    count = np.full(len(values), 1 / len(values)) if weights is None else weights / weights.sum()
    count = count.astype(dtype)
    rows = np.arange(len(values))
    # The bound on the curvature along each axis, of which the square root makes all directions alike.
    spread = np.einsum("nk,nk,n->k", values, values, count) / 2
    scale = (1 / np.sqrt(spread + strength)).astype(dtype)[:, None]
    scaled = values * scale.T
    penalty = (strength * scale * scale).astype(dtype)

    def loss(z: Reals) -> tuple[float, Reals]:
        logits = scaled @ z[:-1] + z[-1]
        logits -= logits.max(axis=1, keepdims=True)
        own = logits[rows, truths]
        np.exp(logits, out=logits)
        totals = logits.sum(axis=1)
        value = float(count @ (np.log(totals) - own)) + float((penalty * z[:-1] ** 2).sum()) / 2
        logits *= (count / totals)[:, None]
        logits[rows, truths] -= count
        gradient = np.empty_like(z)
        gradient[:-1] = scaled.T @ logits + penalty * z[:-1]
        gradient[-1] = logits.sum(axis=0)
        return value, gradient

    begin = np.zeros((values.shape[1] + 1, classes), dtype)
    if start is not None:
        begin[:-1], begin[-1] = start.weights / scale, start.bias
    found = _least(loss, begin, exact)
    return Fit(found[:-1] * scale, found[-1] - found[-1].mean())


def _least(loss: Callable[[Reals], tuple[float, Reals]], x: Reals, exact: float) -> Reals:
    """Where a smooth convex function is least, by L-BFGS; `x` is where to begin."""
    _, first = loss(np.zeros_like(x))
    enough = exact * float(np.abs(first).max())
    value, gradient = loss(x)
    past: deque[tuple[Reals, Reals, float]] = deque(maxlen=_MEMORY)
    for _ in range(_STEPS):
        if float(np.abs(gradient).max()) <= enough:
            break
        direction = -_times_inverse(past, gradient)
        slope = float(np.vdot(direction, gradient))
        if slope >= 0:  # rounding errors are larger than what is left to gain
            break
        length = 1.0
        for _ in range(30):
            there = x + length * direction
            new, turned_gradient = loss(there)
            if new <= value + _ARMIJO * length * slope:
                break
            length /= 2
        else:
            break
        step, change = there - x, turned_gradient - gradient
        x, value, gradient = there, new, turned_gradient
        if (product := float(np.vdot(step, change))) > 0:
            past.append((step, change, 1 / product))
    return x


def _times_inverse(past: deque[tuple[Reals, Reals, float]], gradient: Reals) -> Reals:
    """The gradient times what L-BFGS knows of the inverse of the curvature: its recursion in two loops."""
    q = gradient.copy()
    shares = []
    for step, change, inverse in reversed(past):
        share = inverse * float(np.vdot(step, q))
        q -= share * change
        shares.append(share)
    if past:
        step, change, inverse = past[-1]
        q *= 1 / (inverse * float(np.vdot(change, change)))
    for (step, change, inverse), share in zip(past, reversed(shares), strict=True):
        q += (share - inverse * float(np.vdot(change, q))) * step
    return q
