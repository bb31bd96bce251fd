"""Tells blank pages and pure noise from pictures of something.

Models name a class for these, too, and often with a high score. This looks only at the picture, so it works for every
model. Most pictures show in a few rows that they are of something; of all others, every pixel is looked at.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_Box = tuple[int, int, int, int]

_SAMPLE = 30_000
"""About the number of pixels in the few rows: enough to know the correlation to 0.01."""

_LARGE = 400_000
"""About the number of pixels to which a picture is reduced for that. A camera's own noise, which neighbouring pixels do
not share, is not what a large photo shows."""

_ALL = 512
"""Pixels to which a picture is reduced to look at all of it: along each side, if it is square."""

_LEAST = 24
"""Pixels along the shorter side of the smallest reduction; with fewer, noise has a correlation by chance."""

BLANK_DEVIATION = 2.0
"""Standard deviation (of 0 to 255) up to which a picture is blank; JPEG's rounding stays below 1."""

NOISE_CORRELATION = 0.4
"""Correlation of neighbouring pixels up to which a picture is noise. Measured: independent noise 0.00, the same after
JPEG (quality 20 to 95) or WebP up to 0.25, weak noise after JPEG of quality 50 0.38, the golden photos 0.79 to 1.00.
"""

_CLEAR = 0.8
"""Correlation in the few rows that needs no closer look; some noise that was enlarged or blurred stays below it."""

_SHARE = 0.003
"""Share of the picture's variance that a reduction must have left for its correlation to count. Dots of one colour
(1-bit dither, halftone, newsprint) leave 0.005 and more at a correlation of 0.5 to 0.95. The neighbours of noise are as
little alike after a reduction as before; test patterns leave 0.0003 where their correlation reaches 0.4 at all."""


_LINES = 48
"""Lines of pixels by which a picture is known that was enlarged by repeating its pixels."""

_BEGINS, _REPEATS = 0.4, 0.2
"""Shares of the largest difference between neighbouring lines: at least where pixels begin, at most where they are
repeated. Between them lie differences of all other pictures."""

_ENLARGED = 0.6
"""The most pixels that it had before, as a share of those along a side."""


def has_structure(image: Image.Image, box: tuple[float, float, float, float] | None = None) -> bool:
    """False for a blank picture and for noise, True for everything else.

    Args:
        image: mode RGB, at its own resolution or reduced, never enlarged: enlarging makes neighbouring pixels alike.
        box: the part that the model sees, (left, top, right, bottom); the whole picture if None.
    """
    left, top, right, bottom = box or (0, 0, *image.size)
    whole = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
    if min(whole[2] - whole[0], whole[3] - whole[1]) < 2:
        return False
    variance, covariance = _in_some_rows(image, whole)
    small = _unenlarged(image, whole)
    if small is not None and not _in_all(small, (0, 0, *small.size)):
        return False
    if variance > BLANK_DEVIATION**2 and covariance > _CLEAR * variance:
        return True
    return _in_all(image, whole)


def is_blank(image: Image.Image) -> bool:
    """Whether a picture in mode RGB is of one colour."""
    box = (0, 0, *image.size)
    if min(image.size) > 1 and _in_some_rows(image, box)[0] > BLANK_DEVIATION**2:
        return False
    return _variance(_lines(_small(image, box)), len(image.getbands())) <= BLANK_DEVIATION**2


def _in_some_rows(image: Image.Image, box: _Box) -> tuple[float, float]:
    """The moments of some pairs of neighbouring rows; see `_moments`."""
    left, first, right, last = box
    factor = max(1, math.isqrt(_area(box) // _LARGE))
    width, height = (right - left) // factor, (last - first) // factor
    step = max(1, height * width // _SAMPLE)
    channels = len(image.getbands())
    if factor == 1:
        lines = np.asarray(image if box == (0, 0, *image.size) else image.crop(box)).reshape(height, -1)
        return _moments(lines[:-1:step].astype(np.float32), lines[1::step].astype(np.float32), channels)
    tops = range(first, first + (height - 1) * factor, step * factor)
    pairs = [image.crop((left, top, left + width * factor, top + 2 * factor)) for top in tops]
    values = np.stack([_lines(pair.reduce(factor)) for pair in pairs])
    return _moments(values[:, 0], values[:, 1], channels)


def _in_all(image: Image.Image, box: _Box) -> bool:
    """Whether neighbours are alike at any scale.

    At its own scale a dithered picture is as irregular as noise: what it shows is in the averages of many dots.
    """
    channels = len(image.getbands())
    image = _small(image, box)
    lines = _lines(image)
    variance = _variance(lines, channels)
    if variance <= BLANK_DEVIATION**2:
        return False
    while True:
        lines = _without_shading(lines, channels)
        own, shared = _moments(lines[:-1].copy(), lines[1:].copy(), channels)
        if shared > max(NOISE_CORRELATION * own, _SHARE * variance):
            return True
        if min(image.size) < 2 * _LEAST:
            return False
        image = image.reduce(2)
        lines = _lines(image)


def _unenlarged(image: Image.Image, box: _Box) -> Image.Image | None:
    """A picture whose pixels were repeated to enlarge it as it was before; None for every other one.

    Enlarged noise has neighbours alike, but only within what was one pixel. Pictures of two colours are left as they
    are, since codes (QR and others) are as irregular as noise.
    """
    across = _starts(image, box, 0)
    down = _starts(image, box, 1) if across else None
    if across is None or down is None:
        return None
    pixels = np.asarray(image.crop(box))[down][:, across]
    first = pixels[0, 0]
    others = pixels[(pixels != first).any(axis=-1)]
    two = not len(others) or not (others != others[0]).any()
    return None if two else Image.fromarray(pixels)


def _starts(image: Image.Image, box: _Box, along: int) -> list[int] | None:
    """Where along an axis pixels begin that differ from those before; None if that is not plainly some and not others.

    Args:
        image: the picture.
        box: the part of it to look at.
        along: 0 for columns, 1 for rows.
    """
    width, height = box[2] - box[0], box[3] - box[1]
    size = (_LINES, height) if along else (width, _LINES)
    lines = np.asarray(image.resize(size, Image.Resampling.NEAREST, box).convert("L"), np.int16)
    steps = np.abs(np.diff(lines, axis=1 - along)).sum(axis=along)
    most = steps.max()
    begins = steps > _BEGINS * most
    count = int(begins.sum()) + 1
    if (~begins & (steps > _REPEATS * most)).any() or not _LEAST <= count <= _ENLARGED * (len(steps) + 1):
        return None
    # In the middle of each, what a coder makes of an edge is least.
    edges = [0, *(np.flatnonzero(begins) + 1).tolist(), len(steps) + 1]
    return [(a + b) // 2 for a, b in pairwise(edges)]


def _small(image: Image.Image, box: _Box) -> Image.Image:
    return image.reduce(max(1, math.ceil(math.sqrt(_area(box)) / _ALL)), box)


def _area(box: _Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _lines(image: Image.Image) -> NDArray[np.float32]:
    """The values of each row along one axis: NumPy is ten times slower if the last one has only the three channels."""
    return np.asarray(image).reshape(image.height, -1).astype(np.float32)


def _variance(lines: NDArray[np.float32], channels: int) -> float:
    """The variance over all channels, of all rows."""
    return float(lines.reshape(-1, channels).var(axis=0).mean())


def _moments(rows: NDArray[np.float32], below: NDArray[np.float32], channels: int) -> tuple[float, float]:
    """The variance over all channels, and the covariance of neighbours along the axis for which it is higher.

    Args:
        rows: `(N, W * channels)`; their mean is taken off.
        below: the rows below these; theirs, too.
        channels: of the picture.
    """
    width = rows.shape[1] // channels
    mean = np.tile(rows.mean(axis=0).reshape(width, channels).mean(axis=0), width)
    rows -= mean
    below -= mean
    left, right = rows[:, :-channels], rows[:, channels:]
    along = float(np.einsum("ij,ij->", left, right)) / left.size
    across = float(np.vdot(rows, below)) / rows.size
    return float(np.vdot(rows, rows)) / rows.size, max(along, across)


def _without_shading(lines: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """The values less the nearest surface of second degree: noise that is darker at an edge stays noise."""
    values = lines.reshape(len(lines), -1, channels)
    if min(values.shape[:2]) < 3:  # through which there is always such a surface
        return lines
    down, across = (_parabolas(side) for side in values.shape[:2])
    weights = np.einsum("ya,yxc,xb->abc", down, values, across, optimize=True)
    weights[[1, 2, 2], [2, 1, 2]] = 0  # of a degree above the second
    surface: NDArray[np.float32] = np.einsum("ya,abc,xb->yxc", down, weights, across, optimize=True)
    return lines - surface.reshape(lines.shape)


def _parabolas(side: int) -> NDArray[np.float32]:
    """Orthonormal polynomials of degree 0, 1 and 2 along a side, `(side, 3)`."""
    places = np.linspace(-1, 1, side)
    return np.linalg.qr(np.stack([places**0, places, places**2], axis=1))[0].astype(np.float32)
