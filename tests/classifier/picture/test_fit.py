"""What a model sees of a picture in each view: which pixels, where they lie, and what is around them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from classifier.picture.fit import fit
from classifier.picture.geometry import Geometry, crop_box, letterbox, seen_box

GREY = 127
CROP = Geometry((224, 224), 0.875, "bicubic")
WHOLE = Geometry((224, 224), 0.875, "bicubic", "whole")
BOTH = Geometry((224, 224), 0.875, "bicubic", "both")


def striped(width: int, height: int) -> Image.Image:
    """Red at the left and blue at the right, or at top and bottom where it is upright: a tenth each, green between."""
    pixels = np.zeros((max(height, width), min(height, width), 3), np.uint8)
    pixels[..., 1] = 255
    end = max(width, height) // 10
    pixels[:end], pixels[-end:] = (255, 0, 0), (0, 0, 255)
    return Image.fromarray(pixels if height >= width else np.ascontiguousarray(pixels.swapaxes(0, 1)))


@pytest.mark.parametrize("size", [(800, 400), (400, 800)])
def test_the_whole_picture_is_seen_to_its_ends_in_its_own_proportions(size: tuple[int, int]) -> None:
    found = fit(striped(*size), WHOLE)
    if size[1] > size[0]:
        found = found.swapaxes(0, 1)
    assert (found[:55] == GREY).all()
    assert (found[-55:] == GREY).all()
    inside = found[56:168]
    assert (inside[1:-1, 2] == (255, 0, 0)).all()
    assert (inside[1:-1, 221] == (0, 0, 255)).all()
    assert (inside[1:-1, 112] == (0, 255, 0)).all()
    cropped = fit(striped(*size), CROP)
    assert (cropped == (0, 255, 0)).all()


def test_both_are_the_crop_and_the_whole() -> None:
    image = striped(640, 480)
    assert fit(image, BOTH).shape == BOTH.shape == (2, 224, 224, 3)
    assert np.array_equal(fit(image, BOTH)[0], fit(image, CROP))
    assert np.array_equal(fit(image, BOTH)[1], fit(image, WHOLE))
    assert fit(image, CROP).shape == CROP.shape == WHOLE.shape


def test_nothing_is_grey_around_a_picture_of_the_inputs_shape() -> None:
    white = Image.new("RGB", (500, 250), "white")
    assert (fit(white, Geometry((100, 200), view="whole")) == 255).all()


def test_a_small_picture_is_enlarged() -> None:
    found = fit(Image.new("RGB", (4, 2), "white"), WHOLE)
    assert (found[56:168] == 255).all()
    assert (found[:56] == GREY).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (3, 2), (1023, 681), (7, 5), (5000, 40), (65_535, 1)])
@pytest.mark.parametrize("target", [(224, 224), (100, 200), (33, 7), (1, 1)])
def test_every_shape_lies_within_the_input(size: tuple[int, int], target: tuple[int, int]) -> None:
    geometry = Geometry(target, 0.5, view="whole")
    left, top, width, height = letterbox(size, geometry)
    assert left >= 0
    assert top >= 0
    assert 1 <= width <= target[1] - left
    assert 1 <= height <= target[0] - top
    assert width == target[1] or height == target[0]
    assert abs((target[1] - width) - 2 * left) <= 1
    assert abs((target[0] - height) - 2 * top) <= 1
    assert fit(Image.new("RGB", size, "teal"), geometry).shape == (*target, 3)


def test_the_box_is_the_crop_or_everything() -> None:
    assert seen_box((1000, 800), CROP) == crop_box((1000, 800), CROP) == (150, 50, 850, 750)
    assert seen_box((1000, 800), WHOLE) == seen_box((1000, 800), BOTH) == (0, 0, 1000, 800)
