"""Scales pixels to the values that a model takes, as its `model.toml` says: `(pixel - mean) / std`, and their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from classifier.package import InputSpec

# Weights of red, green and blue in grey, as in Pillow's mode L and Keras's rgb_to_grayscale: ITU-R BT.601.
_LUMA = np.array([[0.299], [0.587], [0.114]], np.float32)


def normalise(pixels: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.float32]:
    """Scales the values of one picture, or of both views of one.

    Args:
        pixels: uint8 `(H, W, 3)` or `(N, H, W, 3)`, as `fit` gives them.
        spec: the `[input]` of a model package.

    Returns:
        float32 array `(N, H, W, 3)`, with N = 1 for one, or as `spec.shape` says, values `(pixel - mean) / std`, in the
        order of `spec.colours`.
    """
    values = pixels.astype(np.float32).reshape(-1, *pixels.shape[-3:])
    if spec.channels == 1:
        values = values @ _LUMA
    values -= np.asarray(spec.mean, np.float32)
    values /= np.asarray(spec.std, np.float32)
    if spec.colours == "bgr":
        values = values[..., ::-1]
    if not spec.channel_axis:
        return values[..., 0]
    return values.transpose(0, 3, 1, 2) if spec.channels_first else values
