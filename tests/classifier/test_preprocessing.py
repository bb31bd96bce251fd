"""The crop and the scaling are what `model.toml` says, for every shape of picture."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.package import InputSpec
from classifier.picture.fit import fit
from classifier.picture.geometry import Geometry, crop_box, needed_size
from classifier.preprocessing import normalise

LITE0 = InputSpec(size=(224, 224), crop=0.875, resample="bicubic", mean=127, std=128)


def preprocess(image: Image.Image, spec: InputSpec) -> NDArray[np.float32]:
    return normalise(fit(image, spec.geometry), spec)


def test_the_centre_crop_is_a_share_of_the_short_side() -> None:
    assert crop_box((1000, 800), LITE0.geometry) == (150, 50, 850, 750)
    assert crop_box((800, 1000), LITE0.geometry) == (50, 150, 750, 850)


def test_the_crop_has_the_aspect_ratio_of_the_input() -> None:
    wide = Geometry((100, 200))
    assert crop_box((800, 800), wide) == (0, 200, 800, 600)


def test_the_needed_size_leaves_the_crop_at_least_as_large_as_the_input() -> None:
    assert needed_size(LITE0.geometry) == (256, 256)
    left, top, right, bottom = crop_box(needed_size(LITE0.geometry), LITE0.geometry)
    assert min(right - left, bottom - top) >= 224


def test_values_are_scaled_by_mean_and_std() -> None:
    grey = preprocess(Image.new("RGB", (300, 300), (255, 127, 0)), LITE0)
    assert grey.shape == (1, 224, 224, 3)
    assert grey.dtype == np.float32
    assert np.allclose(grey[0, 7, 9], [1.0, 0.0, -127 / 128])


def test_mean_and_std_may_differ_by_channel() -> None:
    spec = InputSpec(size=(8, 8), mean=(10, 20, 30), std=(1, 2, 3))
    values = preprocess(Image.new("RGB", (8, 8), (11, 24, 39)), spec)
    assert np.allclose(values[0, 0, 0], [1, 2, 3])


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2), (224, 224), (5000, 40)])
def test_every_shape_gives_an_input(size: tuple[int, int]) -> None:
    assert preprocess(Image.new("RGB", size, "teal"), LITE0).shape == (1, 224, 224, 3)


@pytest.mark.parametrize("size", [(400, 300), (300, 400), (1023, 681), (7, 5)])
def test_a_crop_that_keeps_all_stays_within_the_picture(size: tuple[int, int]) -> None:
    """Rounding once put it a trifle outside, which Pillow refuses."""
    for side in range(190, 260):
        left, top, right, bottom = crop_box(size, Geometry((side, side), 1.0))
        assert min(left, top) >= 0
        assert right <= size[0]
        assert bottom <= size[1]


def test_grey_and_channels_first() -> None:
    picture = Image.new("RGB", (8, 8), (255, 0, 0))
    grey = preprocess(picture, InputSpec(size=(8, 4), std=1.0, channels=1))
    assert grey.shape == (1, 8, 4, 1)
    assert np.allclose(grey, 255 * 0.299)
    first = preprocess(picture, InputSpec(size=(8, 4), std=255.0, channels_first=True))
    assert first.shape == (1, 3, 8, 4)
    assert np.allclose(first[0, :, 0, 0], [1, 0, 0])


def test_mean_and_std_are_of_red_green_and_blue_also_where_blue_comes_first() -> None:
    picture = Image.new("RGB", (8, 8), (11, 24, 39))
    spec = InputSpec(size=(8, 4), mean=(10, 20, 30), std=(1, 2, 3), colours="bgr")
    values = preprocess(picture, spec)
    assert values.shape == (1, 8, 4, 3)
    assert np.allclose(values[0, 0, 0], [3, 2, 1])
    first = preprocess(picture, spec.model_copy(update={"channels_first": True}))
    assert first.shape == (1, 3, 8, 4)
    assert np.allclose(first[0, :, 0, 0], [3, 2, 1])
