"""Picture to model input: crop, resampling and value scaling as a package's `model.toml` asks for, nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.geometry import Geometry, crop_box

if TYPE_CHECKING:  # workers need no pydantic
    from classifier.package import InputSpec

# Grey of red, green and blue, as Pillow's mode L and Keras's rgb_to_grayscale weigh them: ITU-R BT.601.
_LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)


def fit(image: Image.Image, geometry: Geometry) -> NDArray[np.uint8]:
    """Crops and resizes.

    Args:
        image: mode RGB, upright.
        geometry: of the model's input.

    Returns:
        uint8 array `(H, W, 3)`.
    """
    height, width = geometry.size
    resample = Image.Resampling[geometry.resample.upper()]
    return np.asarray(image.resize((width, height), resample, box=crop_box(image.size, geometry)))


def normalise(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Scales the values of one picture.

    Args:
        pixels: uint8 `(H, W, 3)`, as `fit` gives them.
        spec: the `[input]` of a model package.

    Returns:
        float32 array `(1, H, W, 3)`, or as `spec.shape` says, values `(pixel - mean) / std`.
    """
    values = pixels.astype(np.float32)[None]
    if spec.channels == 1:
        values = values @ _LUMA
    values -= np.asarray(spec.mean, np.float32)
    values /= np.asarray(spec.std, np.float32)
    return values.transpose(0, 3, 1, 2) if spec.channels_first else values
