"""Picture to model input: crop, resampling and value scaling as a package's `model.toml` asks for, nothing else."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.package import InputSpec


def needed_size(spec: InputSpec) -> tuple[int, int]:
    """(width, height) that a picture must have for the crop not to be enlarged; larger ones carry no more detail."""
    height, width = spec.size
    return math.ceil(width / spec.crop), math.ceil(height / spec.crop)


def crop_box(size: tuple[int, int], spec: InputSpec) -> tuple[float, float, float, float]:
    """The centre crop (left, top, right, bottom), in pixels of a picture of `size` (width, height).

    It has the input's aspect ratio and the share `spec.crop` of the largest such box that fits.
    """
    width, height = size
    target_height, target_width = spec.size
    scale = min(width / target_width, height / target_height) * spec.crop
    box_width, box_height = target_width * scale, target_height * scale
    left, top = (width - box_width) / 2, (height - box_height) / 2
    return left, top, left + box_width, top + box_height


def preprocess(image: Image.Image, spec: InputSpec) -> NDArray[np.float32]:
    """Prepares one RGB picture.

    Args:
        image: mode RGB, upright.
        spec: the `[input]` of a model package.

    Returns:
        float32 array `(1, H, W, 3)`, values `(pixel - mean) / std`.
    """
    height, width = spec.size
    resample = Image.Resampling[spec.resample.upper()]
    resized = image.resize((width, height), resample, box=crop_box(image.size, spec))
    values = np.asarray(resized, np.float32)[None]
    values -= np.asarray(spec.mean, np.float32)
    values /= np.asarray(spec.std, np.float32)
    return values
