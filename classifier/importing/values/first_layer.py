"""Tells the values that a model was trained on from the statistics that its first batch normalisation keeps.

In training it keeps the mean and variance of what comes out of the first convolution. Of photos in other values, other
numbers come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from classifier.importing.options import SCALES, Scaling, usual

_STATISTICS = "the statistics of its first batch normalisation are those of photos in these values"
_AGAIN = "If the answers are poor, import it again with another --scale"
_WHY = f"{_STATISTICS}, and in no other usual ones. {_AGAIN}"
_GUESS = f"a guess: {_STATISTICS}, or nearly. {_AGAIN}"
_ORDER = f"a guess: {_STATISTICS}, in which blue mostly comes first. {_AGAIN}, or with --colours rgb"
_ALONG = 64  # about how many patches along a photo's side are looked at
# Kullback-Leibler divergences; `scaling` says what was measured.
_FITS = 0.25
_BETTER = 4.0


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """A convolution on a model's input, and the statistics of a batch normalisation right behind it.

    Attributes:
        kernel: `(height, width, channels, filters)`.
        bias: `(filters,)`.
        mean: mean of each filter's results in training, `(filters,)`.
        variance: variance of each filter's results in training, `(filters,)`.
    """

    kernel: NDArray[np.float64]
    bias: NDArray[np.float64]
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @property
    def trained(self) -> bool:
        """Whether the statistics are other than those that a new layer has."""
        return bool(self.mean.any() and np.ptp(self.variance) > 0)


def scaling(layer: FirstLayer, photos: Sequence[NDArray[np.float32]]) -> Scaling | None:
    """The customary scaling with which photos give the statistics that the model keeps; None if none fits.

    Where it is not clear, and for Caffe's, it is a guess: the statistics do not tell the order of the colours.

    Measured with the 12 sample photos on six trained networks (MobileNet for 2 classes, MobileNetV2 for 19 breeds of
    dogs, and four small ones for CIFAR-10), the kernel of each changed to take each of the first four scalings: right
    for all 24. The divergence was at most 0.07 with the right scaling and at least 0.49 with any other. With Caffe's
    besides, on MobileNetV2 and eight small networks: the best one was right for all 45, and clear for all but one, of 0
    to 255. Caffe's fitted no worse where the order was changed. None of them was trained on pictures unlike photos; of
    half the contrast, ImageNet's values would look like those of -1 to 1.

    Args:
        layer: the model's first layer.
        photos: pixels `(H, W, channels)`, 0 to 255.
    """
    if not layer.trained or not photos:
        return None
    found = divergences(layer, photos)
    best, second = sorted(found, key=found.__getitem__)[:2]
    if found[best] > _FITS:
        return None
    clear = found[second] >= max(_FITS, _BETTER * found[best])
    if SCALES[best].colours:
        return SCALES[best].because(_ORDER, guessed=True)
    return SCALES[best].because(_WHY if clear else _GUESS, guessed=not clear)


def divergences(layer: FirstLayer, photos: Sequence[NDArray[np.float32]]) -> dict[str, float]:
    """How far photos in each customary scaling are from the statistics: the Kullback-Leibler divergence.

    Of the filters the median counts, as some of a trained network are dead.
    """
    height, width, channels, filters = layer.kernel.shape
    mean, covariance = _patches(photos, (height, width))
    found = {}
    for name, scale in usual(channels).items():
        order = slice(None, None, -1 if scale.colours == "bgr" else 1)
        kernel = layer.kernel[:, :, order].reshape(-1, filters)
        # The last index of the kernel's rows is the channel, and each has its own mean and std.
        rows = (len(kernel),)
        offset, factor = np.resize(scale.mean, rows), np.resize(scale.std, rows)
        weights = kernel / factor[:, None]
        means = (mean - offset) @ weights + layer.bias
        variances = np.einsum("if,ij,jf->f", weights, covariance, weights)
        found[name] = float(np.median(_divergence(means, variances, layer)))
    return found


def _divergence(mean: NDArray[np.float64], variance: NDArray[np.float64], layer: FirstLayer) -> NDArray[np.float64]:
    tiny = 1e-9
    ratio = (variance + tiny) / (layer.variance + tiny)
    apart = (mean - layer.mean) ** 2 / (layer.variance + tiny)
    divergence: NDArray[np.float64] = (ratio + apart - 1 - np.log(ratio)) / 2
    return divergence


def _patches(
    photos: Sequence[NDArray[np.float32]], size: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and covariance of all patches of the kernel's size, each patch one vector."""
    rows = np.concatenate([_rows(photo, size) for photo in photos])
    return rows.mean(axis=0), np.cov(rows, rowvar=False, bias=True).reshape(rows.shape[1], rows.shape[1])


def _rows(photo: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float64]:
    step = max(1, min(photo.shape[:2]) // _ALONG)
    windows = np.lib.stride_tricks.sliding_window_view(photo, size, axis=(0, 1))[::step, ::step]
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, size[0] * size[1] * photo.shape[2]).astype(np.float64)
