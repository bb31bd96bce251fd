"""From a model's scores to probabilities, as its package says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from classifier.package import OutputSpec


def probabilities(scores: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """Probabilities of one picture.

    Args:
        scores: `(classes,)`, or `(1,)` where `spec.binary`, as a backend gives them.
        spec: the `[output]` of the model package.

    Returns:
        `(classes,)`, 0 to 1.
    """
    if spec.logits:
        squash = sigmoid if spec.multi_label or spec.binary else softmax
        scores = squash(scores / np.float32(spec.temperature))
    return np.concatenate([1 - scores, scores]) if spec.binary else scores


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `(classes,)` from logits `(classes,)`; shifted by the maximum so that `exp` cannot overflow."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max())
    powers /= powers.sum()
    return powers


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `(classes,)`, each for itself; by way of tanh, which cannot overflow."""
    scores: NDArray[np.float32] = np.float32(0.5) + np.float32(0.5) * np.tanh(logits / np.float32(2))
    return scores
