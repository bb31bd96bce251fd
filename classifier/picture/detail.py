"""How much of a picture is kept for a model's input, so that resizing gives what it gives of the whole picture.

Making a picture smaller before it is resampled rounds its values once more and averages over other edges than those of
the filter. That changes the scores the more, the nearer the result is to the input's size and the smaller the input is;
and with the filters that have hard edges themselves, in any case.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

from classifier.picture.formats.base import BYTES_PER_PIXEL, Cost, Size
from classifier.picture.geometry import Geometry
from classifier.picture.limits import pixels_within

# Chosen by how far scores come from those of a plain resize, and by the time that it takes. A photo of 12 million
# pixels is decoded at a quarter for an input of 224: 4 to 9 ms more than at an eighth. At a half it would be 18.
_SMALL, _MIDDLE = 128, 200  # pixels along the longer side of an input
_PHOTO, _SCREEN = 16_000_000, 2_400_000  # pixels: most phones' photos; 1920 x 1080 and a little more

_FACTORS = (1, 2, 4, 8)  # by which a decoder that makes pictures smaller can divide their sides
_CONVERSION = 8.0  # bytes that each pixel takes, besides those of the decoded picture, to be converted and turned

PROFILED = 800_000
"""The most pixels whose colours are converted by a profile for more detail than the input needs; that takes 28 ms."""


@dataclass(frozen=True, slots=True)
class Detail:
    """What a decoder that can make pictures smaller leaves of them.

    Attributes:
        whole: the most pixels of a picture that it decodes at full size.
        gap: how many times the needed size each side of a larger picture keeps at least.
    """

    whole: int = 0
    gap: float = 1.0


def needed_detail(geometry: Geometry) -> Detail:
    """What a picture keeps for this input."""
    if geometry.resample in ("nearest", "box"):
        return Detail(sys.maxsize)
    side = max(geometry.size)
    if side < _SMALL:
        return Detail(_PHOTO, 16)
    return Detail(_SCREEN, 4 if side < _MIDDLE else 2.25)


def draft_factor(size: Size, at_least: Size, detail: Detail, most: float) -> int:
    """By what a decoder that can divide the sides of a picture does so.

    Args:
        size: of the picture.
        at_least: the size below which it must not fall.
        detail: what it keeps besides.
        most: the most pixels that it keeps for that.
    """
    room = min(size[0] / at_least[0], size[1] / at_least[1])
    fits = [by for by in _FACTORS if by <= max(1.0, room)]
    wanted = 1 if math.prod(size) <= detail.whole else max(by for by in fits if by == 1 or by * detail.gap <= room)
    return next((by for by in fits if by >= wanted and math.prod(size) / by**2 <= most), fits[-1])


def pixels_in_memory(size: Size, at_least: Size, cost: Cost, memory: int | None, *, draft: bool, plain: bool) -> float:
    """The most pixels that a picture can keep beyond what its input needs.

    Args:
        size: of the picture.
        at_least: the size that the input needs.
        cost: what decoding takes.
        memory: bytes that decoding may take, besides the file; no limit if None.
        draft: whether the decoder can make it smaller; then the cost is without the pixels that are kept.
        plain: whether it is upright and in sRGB once it is decoded.
    """
    if memory is None:
        return math.inf
    # Resampling takes one side after the other, and keeps what is between in 4 bytes per pixel.
    between = 4 * max(at_least) * max(size)
    spare = pixels_within(memory - int(math.prod(size) * cost.bytes_per_pixel), 1.0) - between
    each = (BYTES_PER_PIXEL if draft else 0.0) + (0.0 if plain else _CONVERSION)
    if spare < 0:
        return 0.0
    return spare / each if each else math.inf
