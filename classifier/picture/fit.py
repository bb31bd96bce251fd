"""The pixels of a model's input: a picture cropped and resized, or the whole of it on grey."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.picture.geometry import Geometry, crop_box, letterbox

GREY = 127
"""What is around a whole picture: of black, white, grey, the picture's own colours and its edges drawn out it was among
the best on every set of pictures (docs/evaluate.md), and it is near 0 once it is scaled."""


def fit(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    """Crops and resizes a picture.

    Args:
        image: mode RGB, upright.
        geometry: the geometry of the model's input.

    Returns:
        uint8 array `(H, W, 3)`, or `(2, H, W, 3)` where the geometry's view is "both": the crop and the whole.
    """
    if geometry.view == "both":
        return np.stack([_crop(image, geometry), _whole(image, geometry)])
    return _whole(image, geometry) if geometry.view == "whole" else _crop(image, geometry)


def _crop(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    height, width = geometry.size
    return np.asarray(image.resize((width, height), _filter(geometry), box=crop_box(image.size, geometry)))


def _whole(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    left, top, width, height = letterbox(image.size, geometry)
    pixels = np.full((*geometry.size, 3), GREY, np.uint8)
    pixels[top : top + height, left : left + width] = np.asarray(image.resize((width, height), _filter(geometry)))
    return pixels


def _filter(geometry: Geometry) -> Image.Resampling:
    return Image.Resampling[geometry.resample.upper()]
