"""Tells blank pages and pure noise from pictures of something.

Models name a class for these, too, and often with a high score. This looks only at the picture, so it works for every
model.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

_SAMPLE = 30_000
"""About the number of pixels that are looked at: enough to know the correlation to 0.01."""

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
    pixels = np.asarray(image)
    height, width, channels = pixels.shape
    step = max(1, height * width // _SAMPLE)
    # Each row as one axis of values: NumPy is ten times slower if the last axis has only the three channels.
    lines = pixels.reshape(height, -1)
    rows = lines[:-1:step].astype(np.float32)
    below = lines[1::step].astype(np.float32)
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
