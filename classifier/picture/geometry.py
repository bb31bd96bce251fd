"""Which pixels of a picture become a model's input: computes sizes and boxes only, touches no pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which pixels of a picture become a model's input.

    Attributes:
        size: (height, width) of the input in pixels.
        crop: share that the centre crop keeps, 0 to 1.
        resample: name of a Pillow filter in lower case.
    """

    size: tuple[int, int]
    crop: float = 1.0
    resample: str = "bilinear"


def needed_size(geometry: Geometry) -> tuple[int, int]:
    """The smallest (width, height) with which a picture's crop need not be enlarged; more pixels add no detail."""
    height, width = geometry.size
    return math.ceil(width / geometry.crop), math.ceil(height / geometry.crop)


def crop_box(size: tuple[int, int], geometry: Geometry) -> tuple[float, float, float, float]:
    """The centre crop (left, top, right, bottom), in pixels of a picture of `size` (width, height).

    It has the input's aspect ratio and the share `geometry.crop` of the largest such box that fits.
    """
    width, height = size
    target_height, target_width = geometry.size
    scale = min(width / target_width, height / target_height) * geometry.crop
    # The box must stay inside the picture: if the crop keeps everything, rounding may make it a little too large.
    box_width, box_height = min(width, target_width * scale), min(height, target_height * scale)
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height
