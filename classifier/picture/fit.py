"""The pixels of a model's input: a picture cropped and resized."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.picture.geometry import Geometry, crop_box


def fit(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    """Crops and resizes a picture.

    Args:
        image: mode RGB, upright.
        geometry: the geometry of the model's input.

    Returns:
        uint8 array `(H, W, 3)`.
    """
    height, width = geometry.size
    resample = Image.Resampling[geometry.resample.upper()]
    return np.asarray(image.resize((width, height), resample, box=crop_box(image.size, geometry)))
