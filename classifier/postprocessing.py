"""Turns a model's scores into probabilities, as its package says, or into log-probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from classifier.package import OutputSpec
    from classifier.package.manifest import Conformal


def probabilities(scores: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """Probabilities of one picture, calibrated by `spec.temperature`.

    Args:
        scores: `(classes,)`, or `(1,)` if `spec.binary`, as a backend gives them.
        spec: the `[output]` of the model package.

    Returns:
        `(classes,)`, 0 to 1. Probabilities that the model gives itself are returned unchanged at temperature 1, if they
        are independent (`spec.multi_label`), and if all are 0, as an 8-bit model rounds those of many unlikely classes.
    """
    if spec.multi_label and spec.logits:
        return sigmoid(scores / np.float32(spec.temperature))
    if not spec.logits:
        given = _given(scores, spec)
        if spec.multi_label or spec.temperature == 1 or not given.any():
            return given
    return softmax(_logits(scores, spec) / np.float32(spec.temperature))


def log_probabilities(scores: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """Log-probabilities `(classes,)` at temperature 1, whatever the package's temperature is.

    A new temperature is fitted to them. Where all probabilities are 0, no class is likelier than another one. Not for
    independent scores (`spec.multi_label`).

    Args:
        scores: as for `probabilities`.
        spec: the `[output]` of the model package.
    """
    logits = _logits(scores, spec)
    logs: NDArray[np.float32] = logits - logits.max()
    logs -= np.log(np.exp(logs).sum())
    return logs


def prediction_set(scores: NDArray[np.float32], spec: OutputSpec, conformal: Conformal) -> NDArray[np.intp]:
    """The classes one of which is right as often as `conformal.coverage` promises, the likeliest first.

    They are those whose probability reaches the threshold, and the likeliest one in any case: a set that holds nothing
    would promise nothing.

    Args:
        scores: of one picture, as for `probabilities`.
        spec: the `[output]` of the model package.
        conformal: its `[conformal]`.

    Returns:
        Indices `(n,)`, at least one.
    """
    own = probabilities(scores, spec.model_copy(update={"temperature": conformal.temperature}))
    order = np.argsort(-own, kind="stable")
    return order[: max(1, int((own >= conformal.threshold).sum()))]


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `(classes,)` from logits `(classes,)`; shifted by the maximum so that `exp` cannot overflow."""
    powers: NDArray[np.float32] = np.exp(logits - logits.max())
    powers /= powers.sum()
    return powers


def sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities `(classes,)`, independent of each other; computed by tanh, which cannot overflow."""
    scores: NDArray[np.float32] = np.float32(0.5) + np.float32(0.5) * np.tanh(logits / np.float32(2))
    return scores


def _logits(scores: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """Logits `(classes,)` up to a constant; log(p) if the model gives probabilities.

    -inf where a probability was rounded to 0: a class that is ruled out stays ruled out at every temperature.
    """
    if spec.binary and spec.logits:  # sigmoid(x) is softmax(0, x)
        return np.concatenate([np.zeros_like(scores), scores])
    if spec.logits:
        return scores
    given = _given(scores, spec)
    if not given.any():
        return np.zeros_like(given)
    with np.errstate(divide="ignore"):
        return np.log(given)


def _given(scores: NDArray[np.float32], spec: OutputSpec) -> NDArray[np.float32]:
    """The probabilities of all classes that a model gives itself, within 0 to 1, which rounding may leave."""
    return np.clip(np.concatenate([1 - scores, scores]) if spec.binary else scores, 0, 1)
