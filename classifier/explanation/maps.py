"""Heat maps from a model's last feature map and its head, computed without running the model again.

For one dense layer behind the mean of the places, the map of a class is the feature map weighted by the class's
weights: its mean is the class's logit without the bias, so each place has its exact share in it. Class activation maps,
"cam": Zhou, B. et al. (2016), Learning Deep Features for Discriminative Localization, CVPR.

For every other head the weights are the gradients of the logit at this picture, which for a small head can be written
down. "grad-cam": Selvaraju, R. R. et al. (2017), Grad-CAM: Visual Explanations from Deep Networks via Gradient-Based
Localization, ICCV. Where both can be made they are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.explanation.head import Head
from classifier.package import OutputSpec
from classifier.postprocessing import probabilities
from classifier.result import Method

_NEAR = 0.05
"""By how much the probabilities of a head may miss the model's: whole numbers of 8 bits missed them by 0.02."""
_ALIKE = 0.95
"""How well the logits of a head must go with the model's."""
_LEAST = 1 / 512  # probabilities below that are alike: whole numbers of 8 bits know no smaller ones than 1/256


def method(head: Head) -> Method:
    """What maps of this head are called."""
    return "cam" if head.is_linear else "grad-cam"


def activation_maps(
    head: Head, features: NDArray[np.float32], indices: Sequence[int], spec: OutputSpec
) -> NDArray[np.float32]:
    """What speaks for each class at each place, and by negative values what speaks against it.

    Args:
        head: the model's.
        features: of one view `(h, w, channels)`.
        indices: of the classes.
        spec: the `[output]` of the package.

    Returns:
        `(n, h, w)`, one for each class.
    """
    if spec.binary:  # its only logit is that of the second class
        weights = head.gradients(features, np.zeros(1, np.intp))
        weights = np.concatenate([weights if index else -weights for index in indices], axis=1)
    else:
        weights = head.gradients(features, np.asarray(indices, np.intp))
    found: NDArray[np.float32] = np.moveaxis(features @ weights, -1, 0)
    return found


def fits(head: Head, features: NDArray[np.float32] | None, scores: NDArray[np.float32], spec: OutputSpec) -> bool:
    """Whether a head gives what the model gave for each view of a picture, so that its maps are maps of that model.

    Args:
        head: as it was read from a file.
        features: of the views `(N, h, w, channels)`, as the model gave them.
        scores: of the views `(N, scores)`.
        spec: the `[output]` of the package.
    """
    if features is None or features.ndim != 4 or features.shape[-1] != head.channels or head.scores != spec.scores:
        return False
    return all(_same(head.logits(one), own, spec) for one, own in zip(features, scores, strict=True))


def _same(logits: NDArray[np.float32], scores: NDArray[np.float32], spec: OutputSpec) -> bool:
    plain = spec.model_copy(update={"temperature": 1.0})
    mine = probabilities(logits, plain.model_copy(update={"logits": True}))
    given = probabilities(scores, plain)
    if not float(np.abs(mine - given).max()) <= _NEAR:  # NaN is not near
        return False
    first, second = (logits, scores) if spec.logits else (np.log(np.maximum(one, _LEAST)) for one in (mine, given))
    if len(first) < 3 or not first.std() or not second.std():
        return True
    return float(np.corrcoef(first, second)[0, 1]) >= _ALIKE
