"""Draws a heat map over its picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import ParameterError
from classifier.formatting import listed
from classifier.result import ClassMap, Explanation

# Viridis of nine colours, from 0 to 1: its steps look alike, also to the colour-blind and in grey. By N. Smith and
# S. van der Walt (2015) for Matplotlib, CC0.
VIRIDIS = (
    *((68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 144, 140)),
    *((39, 173, 129), (93, 200, 99), (170, 220, 50), (253, 231, 37)),
)
OPACITY = 0.6


def colours(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The colours of values from 0 to 1: `(..., 3)`, red, green and blue."""
    at = np.linspace(0, 1, len(VIRIDIS))
    channels = [np.interp(values, at, [one[channel] for one in VIRIDIS]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def overlaid(
    picture: Image.Image,
    explanation: Explanation,
    index: int | None = None,
    *,
    opacity: float = OPACITY,
    size: tuple[int, int] | None = None,
) -> Image.Image:
    """A picture with the heat map of a class over it; what the map does not cover stays as it is.

    Args:
        picture: upright.
        explanation: of that picture.
        index: of the class; the first one that was explained if None.
        opacity: of the map, 0 to 1.
        size: (width, height) of the original, where `picture` was made smaller.

    Returns:
        A picture of the same size, mode RGB.

    Raises:
        ParameterError: there is no map of that class, or the opacity is out of range.
    """
    if not 0 <= opacity <= 1:
        raise ParameterError(f"opacity must be from 0 to 1, not {opacity!r}.", name="opacity")
    one = _chosen(explanation, index)
    width, height = size or picture.size
    across, down = picture.width / width, picture.height / height
    left, top, right, bottom = explanation.box
    at = round(left * across), round(top * down)
    extent = max(1, round(right * across) - at[0]), max(1, round(bottom * down) - at[1])
    grid = Image.fromarray(np.asarray(one.grid, np.float32))
    heat = Image.fromarray(colours(np.asarray(grid.resize(extent, Image.Resampling.BILINEAR))))
    drawn = picture.convert("RGB")
    drawn.paste(heat, at, Image.new("L", extent, round(255 * opacity)))
    return drawn


def _chosen(explanation: Explanation, index: int | None) -> ClassMap:
    for one in explanation.maps:
        if index is None or one.index == index:
            return one
    there = listed([str(one.index) for one in explanation.maps])
    raise ParameterError(f"There is no heat map of the class {index} here. Choose from: {there}.", name="index")
