"""Runs models on photos and synthetic pictures, to see what their scores are like and whether two models agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.checkout import ROOT
from classifier.importing.network import Activation, Network, Run
from classifier.package import InputSpec
from classifier.picture.fit import fit
from classifier.picture.geometry import Geometry
from classifier.preprocessing import normalise

_PHOTOS = ROOT / "web" / "page" / "samples"
_SYNTHETIC = 12
TOLERANCE = 0.01
"""The largest difference of a score (0-1) with which a converted model still counts as the same."""
_OUTSIDE = 0.01  # how far from 0 to 1 rounding can bring a probability, however many classes there are
# How far above 1 the sum of probabilities may be. It may be further below: 8 bits make 0 of most small ones.
_MOST_OVER = 0.25


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference between the scores of two models.

    Attributes:
        most: the largest difference, of all scores and pictures.
        mean: the mean difference.
        agreed: number of pictures whose best class is the same, or whose two best scores are closer than `TOLERANCE`.
        pictures: number of all pictures.
    """

    most: float
    mean: float
    agreed: int
    pictures: int

    @property
    def small(self) -> bool:
        """Whether the two models count as the same."""
        return self.most <= TOLERANCE and self.agreed == self.pictures

    def __str__(self) -> str:
        return (
            f"scores differ by {self.most:.2g} at most and {self.mean:.2g} on average, the same best class on "
            f"{self.agreed} of {self.pictures} pictures"
        )


def inputs(spec: InputSpec) -> list[NDArray[np.float32]]:
    """Inputs for a model: the page's sample photos if they are installed, smooth random pictures, and noise.

    Args:
        spec: the model's input.

    Returns:
        Arrays `(1, *spec.shape)`, the same at each call.
    """
    geometry: Geometry = spec.geometry
    pictures = [*photos().values(), *_synthetic()]
    return [normalise(fit(picture, geometry), spec) for picture in pictures]


@lru_cache(maxsize=1)
def photos() -> dict[str, Image.Image]:
    """The page's sample photos by file name, half as large; empty if they are not installed."""
    found = {}
    for path in sorted(path for ending in ("*.webp", "*.png") for path in _PHOTOS.glob(ending)):
        with Image.open(path) as photo:
            found[path.name] = photo.convert("RGB").reduce(2)
    return found


@lru_cache(maxsize=1)
def _synthetic() -> list[Image.Image]:
    random = np.random.default_rng(6)
    pictures = []
    for index in range(_SYNTHETIC):
        cells = 2 + 2 * (index % 6)
        coarse = random.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
        pictures.append(Image.fromarray(coarse).resize((400, 300), Image.Resampling.BICUBIC))
    pictures.append(Image.fromarray(random.integers(0, 256, (300, 400, 3), dtype=np.uint8)))
    return pictures


def scores(run: Run, values: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """A model's scores of each input: `(pictures, classes)`."""
    return np.concatenate([run(picture).reshape(1, -1) for picture in values])


def activation(network: Network, found: NDArray[np.float32]) -> Activation:
    """The activation that a model's scores have been through: from its graph if that tells, else from the scores.

    Args:
        network: the model.
        found: scores `(pictures, classes)`.
    """
    if network.activation is not None:
        return network.activation
    slack = network.tolerance
    outside = min(slack, _OUTSIDE)
    if found.min() < -outside or found.max() > 1 + outside:
        return "none"
    sums = found.sum(axis=1)
    if found.shape[1] > 1 and sums.min() >= 1 - slack and sums.max() <= 1 + min(slack, _MOST_OVER):
        return "softmax"
    return "sigmoid"


def compare(a: NDArray[np.float32], b: NDArray[np.float32]) -> Difference:
    """How much two models' probabilities `(pictures, classes)` differ."""
    apart = np.abs(a - b)
    chosen = np.take_along_axis(a, b.argmax(axis=1, keepdims=True), axis=1)[:, 0]
    agreed = int((a.max(axis=1) - chosen <= TOLERANCE).sum())
    return Difference(float(apart.max()), float(apart.mean()), agreed, len(a))
