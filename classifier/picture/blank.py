"""Tells blank pages and pure noise from pictures of something.

Models name a class for these, too, and often with a high score. This looks only at the picture, so it works for every
model.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SAMPLE = 30_000
"""About the number of pixels that are looked at: enough to know the correlation to 0.01."""

_LARGE = 400_000
"""About the number of pixels to which what is looked at is reduced. A camera's own noise, which neighbouring pixels do
not share, is not what a large photo shows."""

BLANK_DEVIATION = 2.0
"""Standard deviation (of 0 to 255) up to which a picture is blank; JPEG's rounding stays below 1."""

NOISE_CORRELATION = 0.4
"""Correlation of neighbouring pixels up to which a picture is noise. Measured: independent noise 0.00, the same after
JPEG (quality 20 to 95) or WebP up to 0.25, weak noise after JPEG of quality 50 0.38, the golden photos 0.79 to 1.00.
"""


def has_structure(image: Image.Image) -> bool:
    """False for a blank picture and for noise, True for everything else.

    Args:
        image: mode RGB, at its own resolution or reduced, never enlarged: enlarging makes neighbouring pixels alike.
    """
    if min(image.size) < 2:
        return False
    deviation, correlation = _measure(image)
    return deviation > BLANK_DEVIATION and correlation > NOISE_CORRELATION


def _measure(image: Image.Image) -> tuple[float, float]:
    """Standard deviation over all channels, and the correlation of neighbours along the axis for which it is higher."""
    rows, below = _neighbours(image)
    channels = len(image.getbands())
    width = rows.shape[1] // channels
    mean = np.tile(rows.mean(axis=0).reshape(width, channels).mean(axis=0), width)
    rows -= mean
    below -= mean
    variance = float(np.vdot(rows, rows)) / rows.size
    if variance == 0:
        return 0.0, 0.0
    left, right = rows[:, :-channels], rows[:, channels:]
    along = float(np.einsum("ij,ij->", left, right)) / left.size
    across = float(np.vdot(rows, below)) / rows.size
    return variance**0.5, max(along, across) / variance


def _neighbours(image: Image.Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Some rows and those below them; the values of each row along one axis.

    NumPy is ten times slower if the last axis has only the three channels.
    """
    width, height = image.size
    factor = max(1, math.isqrt(width * height // _LARGE))
    width, height = width // factor, height // factor
    step = max(1, height * width // _SAMPLE)
    if factor == 1:
        lines = np.asarray(image).reshape(height, -1)
        return lines[:-1:step].astype(np.float32), lines[1::step].astype(np.float32)
    boxes = [(0, top * factor, width * factor, (top + 2) * factor) for top in range(0, height - 1, step)]
    pairs = np.stack([np.asarray(image.crop(box).reduce(factor), np.float32) for box in boxes])
    return pairs[:, 0].reshape(len(boxes), -1), pairs[:, 1].reshape(len(boxes), -1)
