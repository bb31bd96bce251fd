"""Tells by the mean of a model's values that it takes blue, green and red, not red, green and blue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from classifier.importing.options import Scaling

# In pixels of 0 to 255: Caffe's mean, and ImageNet's in PyTorch, are within a unit of this. Blue is the darkest.
_MEAN = (103.7, 116.6, 123.7)
_CLOSE = 1.5


def is_blue_first(mean: Sequence[float]) -> bool:
    """Whether a mean, in pixels, is the usual one of blue, green and red in this order."""
    return len(mean) == len(_MEAN) and all(abs(a - b) <= _CLOSE for a, b in zip(mean, _MEAN, strict=True))


def red_first(scaling: Scaling) -> Scaling:
    """The scaling with mean and std for red, green and blue, and going with BGR, if its mean is of blue, green, red."""
    if not isinstance(scaling.mean, tuple) or not is_blue_first(scaling.mean):
        return scaling
    std = scaling.std[::-1] if isinstance(scaling.std, tuple) else scaling.std
    return replace(scaling, mean=scaling.mean[::-1], std=std, colours="bgr")
