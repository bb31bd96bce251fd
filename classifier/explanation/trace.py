"""Finds the head of a model in its graph: from the scores back to the feature map, whatever the graph's format.

A reader of a format says what makes each tensor, as a `Step`. A graph with anything else between the two has no head
that could be computed here, and gets none rather than a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from classifier.explanation.head import Activation, Dense, Head, Pooling

Tensor = TypeVar("Tensor", bound=Hashable)

Does = Literal["passes", "squashes", "activates", "adds", "multiplies", "pools"]
"""Passes: another shape or type; squashes: softmax or sigmoid over all; adds and multiplies: constants."""

_MOST_LAYERS = 2
_MOST_STEPS = 64  # from the scores to the features; the longest found in models had 12


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What makes a tensor of another one.

    Attributes:
        does: what it does.
        source: the other one, as its graph names it.
        constant: what is added `(out,)`, or by which is multiplied, `(in, out)`.
        bias: what such a layer adds itself `(out,)`.
        activation: of a step that activates, or of such a layer.
        pooling: of a step that pools over all places.
    """

    does: Does
    source: Any
    constant: NDArray[np.float32] | None = None
    bias: NDArray[np.float32] | None = None
    activation: Activation = "none"
    pooling: Pooling = "mean"


@dataclass(slots=True)
class _Found:
    """What was met on the way, the last layer first."""

    weights: list[NDArray[np.float32]] = field(default_factory=list)
    biases: list[NDArray[np.float32]] = field(default_factory=list)
    activations: list[Activation] = field(default_factory=list)
    waiting: Activation = "none"  # it comes after the layer that is met next
    added: NDArray[np.float32] | None = None


def head(scores: Tensor, features: Tensor, step: Callable[[Tensor], Step | None]) -> Head | None:
    """The head of a graph; None if there is none of a known kind between the two.

    Args:
        scores: the tensor of the scores.
        features: that of the feature map.
        step: what makes a tensor; None for what is unknown, and for inputs and constants.
    """
    end = _origin(features, step)
    found = _Found()
    tensor = scores
    for _ in range(_MOST_STEPS):
        one = step(tensor)
        if one is None:
            return None
        tensor = one.source
        if one.does == "pools":
            return _made(found, one.pooling) if _origin(tensor, step) == end else None
        if not _take(found, one):
            return None
    return None


def _origin(tensor: Any, step: Callable[[Any], Step | None]) -> Any:
    """The tensor whose values another one has, too, in another shape or type."""
    for _ in range(_MOST_STEPS):
        one = step(tensor)
        if one is None or one.does != "passes":
            break
        tensor = one.source
    return tensor


def _take(found: _Found, one: Step) -> bool:
    """Notes a step between scores and pooling; says whether it is one that a head may have there."""
    if one.does == "passes":
        return True
    if one.does == "squashes":
        return not found.weights and found.added is None
    if one.does == "activates":
        if not found.weights or found.waiting != "none" or found.added is not None:
            return False
        found.waiting = one.activation
        return True
    if one.does == "adds":
        if found.added is not None or len(found.weights) == _MOST_LAYERS:
            return False
        found.added = one.constant
        return True
    return _take_layer(found, one)


def _take_layer(found: _Found, one: Step) -> bool:
    if one.constant is None or len(found.weights) == _MOST_LAYERS:
        return False
    if one.activation != "none" and (found.waiting != "none" or found.added is not None):
        return False
    if found.weights and one.constant.shape[1] != found.weights[-1].shape[0]:
        return False
    count = one.constant.shape[1]
    bias = np.zeros(count, np.float32)
    for part in (one.bias, found.added):
        if part is not None:
            if part.size not in (1, count):
                return False
            bias = bias + part.reshape(-1)
    found.weights.append(one.constant)
    found.biases.append(bias)
    found.activations.append(one.activation if one.activation != "none" else found.waiting)
    found.waiting, found.added = "none", None
    return True


def _made(found: _Found, pooling: Pooling) -> Head | None:
    loose = found.waiting != "none" or found.added is not None
    if not found.weights or loose or found.activations[0] != "none":
        return None  # scores that were activated are no sums of the feature map's values
    layers = tuple(Dense(weights, bias) for weights, bias in zip(found.weights, found.biases, strict=True))[::-1]
    return Head(pooling, layers, found.activations[1] if len(layers) == _MOST_LAYERS else "none")
