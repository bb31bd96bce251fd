"""Which pixels of a picture become a model's input: computes sizes and boxes only, touches no pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from classifier.views import Box, View


@dataclass(frozen=True, slots=True)
class Geometry:
    """Which pixels of a picture become a model's input.

    Attributes:
        size: (height, width) of the input in pixels.
        crop: share that the centre crop keeps, 0 to 1.
        resample: name of a Pillow filter in lower case.
        view: what is seen of the picture; with "both" there are two inputs.
    """

    size: tuple[int, int]
    crop: float = 1.0
    resample: str = "bilinear"
    view: View = "crop"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the pixels: `(H, W, 3)`, or `(2, H, W, 3)` where both are seen."""
        return (2, *self.size, 3) if self.view == "both" else (*self.size, 3)


def needed_size(geometry: Geometry) -> tuple[int, int]:
    """The smallest (width, height) with which a picture's crop need not be enlarged; more pixels add no detail.

    It is the same for each view, though the whole picture needs less: so both see the same decoded picture as one does.
    """
    height, width = geometry.size
    return math.ceil(width / geometry.crop), math.ceil(height / geometry.crop)


def seen_box(size: tuple[int, int], geometry: Geometry) -> Box:
    """The part of a picture of `size` (width, height) outside which nothing is seen."""
    return crop_box(size, geometry) if geometry.view == "crop" else (0.0, 0.0, float(size[0]), float(size[1]))


def crop_box(size: tuple[int, int], geometry: Geometry) -> Box:
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


def letterbox(size: tuple[int, int], geometry: Geometry) -> tuple[int, int, int, int]:
    """Where the whole of a picture of `size` (width, height) lies in the input: left, top, width and height in pixels.

    It keeps its aspect ratio, and at least one pixel along each side.
    """
    width, height = size
    target_height, target_width = geometry.size
    scale = min(target_width / width, target_height / height)
    inner_width = min(target_width, max(1, round(width * scale)))
    inner_height = min(target_height, max(1, round(height * scale)))
    return (target_width - inner_width) // 2, (target_height - inner_height) // 2, inner_width, inner_height
