"""Infers which values a model takes, from its first operations or from its quantisation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from classifier.importing.options import SCALES, Scaling

OWN = "the model scales them itself"
_RANGE = "the range of the quantised input"
_IMAGENET = f"{_RANGE} is that of ImageNet's mean and deviation, over the three colours together"
_RANGES = {"unit": (0.0, 1.0), "signed": (-1.0, 1.0), "raw": (0.0, 255.0), "imagenet": (-2.118, 2.640)}
# The range is that of the converter's examples, which need not have held the darkest and the brightest pixel.
_SLACK = 0.05


def from_arithmetic(steps: Iterable[tuple[str, NDArray[np.float64]]]) -> Scaling | None:
    """Infers a model's values from the arithmetic at its beginning.

    A model that divides by 255, or subtracts 127, expects 0 to 255; one that multiplies by 255 expects 0 to 1.

    Args:
        steps: operator and constant of each step, in order.

    Returns:
        The scaling; None if the first operations do not tell.
    """
    for sign, constant in steps:
        size = float(np.abs(constant).max()) if constant.size else 0.0
        if (sign == "*" and 0 < size < 0.1) or (sign == "/" and size > 10) or (sign in "+-" and size > 10):
            return SCALES["raw"].because(OWN)
        if (sign == "*" and size > 100) or (sign == "/" and 0 < size < 0.01):
            return SCALES["unit" if size > 200 or size < 0.005 else "signed"].because(OWN)
        if sign in "+-" and size == 1:  # moves -1 to 1 to 0 to 2
            return SCALES["signed"].because(OWN)
        if sign == "-" and 0.2 < size < 0.8:
            return SCALES["unit"].because(OWN)
    return None


def from_quantisation(scale: float, zero_point: int, low: int, high: int) -> Scaling | None:
    """Infers a model's values from the range that its quantised input covers; None if it is not a usual range.

    Args:
        scale: quantisation scale of the input tensor.
        zero_point: quantisation zero point of the input tensor.
        low: the smallest integer of the tensor's type.
        high: the largest integer of the tensor's type.
    """
    if (low, zero_point) == (-128, 0) and abs(scale * 127 - 1) < 1e-3:
        return None  # Symmetric quantisation gives 0 to 1 and -1 to 1 the same scale, 1/127.
    least, most = (low - zero_point) * scale, (high - zero_point) * scale
    if low < 0 and zero_point == 0:  # symmetric: only the end that is farther from 0 tells
        names = (name for name in ("raw", "imagenet") if abs(most - _RANGES[name][1]) <= _SLACK * _RANGES[name][1])
        if name := next(names, None):
            return SCALES[name].because(_IMAGENET if name == "imagenet" else _RANGE)
    for name, (a, b) in _RANGES.items():
        if abs(least - a) <= _SLACK * (b - a) and abs(most - b) <= _SLACK * (b - a):
            return SCALES[name].because(_IMAGENET if name == "imagenet" else _RANGE)
    return None
