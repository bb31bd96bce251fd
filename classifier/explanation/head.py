"""The head of a model: what lies between its last feature map and its logits, small enough to be computed here.

Readers of each form of weights make one, see `reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pooling = Literal["mean", "max"]
Activation = Literal["relu", "relu6", "swish", "hard-swish", "none"]


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """One fully connected layer.

    Attributes:
        weights: float32 `(in, out)`.
        bias: float32 `(out,)`; zeros for a layer without one.
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """Pooling over the places of the feature map, then one or two dense layers; a softmax or sigmoid may follow.

    Attributes:
        pooling: over height and width.
        layers: one or two; the first takes as many numbers as the feature map has channels, the last gives the logits.
        activation: after the first of two layers.
    """

    pooling: Pooling
    layers: tuple[Dense, ...]
    activation: Activation = "none"

    @property
    def channels(self) -> int:
        """How many channels its feature map has."""
        return int(self.layers[0].weights.shape[0])

    @property
    def scores(self) -> int:
        """How many logits it gives."""
        return int(self.layers[-1].weights.shape[1])

    @property
    def is_linear(self) -> bool:
        """Whether the logits are a weighted sum of the feature map's values: then a class activation map is exact."""
        return self.pooling == "mean" and len(self.layers) == 1

    def pooled(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The feature map `(h, w, channels)` pooled over its places: `(channels,)`."""
        found: NDArray[np.float32] = features.mean(axis=(0, 1)) if self.pooling == "mean" else features.max(axis=(0, 1))
        return found

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """The logits `(scores,)` that the model gives for a feature map `(h, w, channels)`."""
        values = self.pooled(features)
        for number, layer in enumerate(self.layers):
            values = (self._activated(values) if number else values) @ layer.weights + layer.bias
        return values

    def gradients(self, features: NDArray[np.float32], scores: NDArray[np.intp]) -> NDArray[np.float32]:
        """How each logit changes with the pooled channels, at this feature map.

        Args:
            features: `(h, w, channels)`.
            scores: which logits `(n,)`.

        Returns:
            `(channels, n)`: for one layer its weights, whatever the feature map.
        """
        last = self.layers[-1].weights[:, scores]
        if len(self.layers) == 1:
            return last
        first = self.layers[0]
        slopes = self._slopes(self.pooled(features) @ first.weights + first.bias)
        product: NDArray[np.float32] = first.weights @ (slopes[:, None] * last)
        return product

    def _activated(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.activation == "swish":
            return values * _sigmoid(values)
        if self.activation == "hard-swish":
            return values * np.clip(values + 3, 0, 6) / np.float32(6)
        if self.activation == "none":
            return values
        return np.clip(values, 0, 6 if self.activation == "relu6" else None)

    def _slopes(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The derivative of the activation."""
        if self.activation == "swish":
            part = _sigmoid(values)
            return part * (1 + values * (1 - part))
        if self.activation == "hard-swish":
            return np.where(values > 3, 1, np.where(values < -3, 0, (2 * values + 3) / 6)).astype(np.float32)
        if self.activation == "none":
            return np.ones_like(values)
        within = (values > 0) & (values < (6 if self.activation == "relu6" else np.inf))
        return within.astype(np.float32)


def _sigmoid(values: NDArray[np.float32]) -> NDArray[np.float32]:
    half: NDArray[np.float32] = np.float32(0.5) + np.float32(0.5) * np.tanh(values / 2)
    return half
