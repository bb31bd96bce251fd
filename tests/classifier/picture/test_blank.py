"""Blank pages and noise are told from pictures, through files as visitors send them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from classifier.picture.blank import has_structure
from classifier.picture.decode import read
from tests.support.photos import Photo, golden_photos

RANDOM = np.random.default_rng(3)


def through(image: Image.Image, kind: str, quality: int = 90) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, kind, quality=quality)
    return read(stream.getvalue(), at_least=(256, 256)).image


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (640, 480), (1920, 1080)])
@pytest.mark.parametrize(("kind", "quality"), [("PNG", 0), ("JPEG", 90), ("JPEG", 40), ("WEBP", 80)])
def test_noise_has_no_structure(size: tuple[int, int], kind: str, quality: int) -> None:
    shape = (size[1], size[0], 3)
    uniform = Image.fromarray(RANDOM.integers(0, 256, shape, np.uint8))
    normal = Image.fromarray(np.clip(RANDOM.normal(128, 50, shape), 0, 255).astype(np.uint8))
    assert not has_structure(through(uniform, kind, quality))
    assert not has_structure(through(normal, kind, quality))
    assert not has_structure(through(uniform.convert("L"), kind, quality))


@pytest.mark.parametrize("colour", ["white", "black", "#7f7f7f", "red", "#c0ffee", "navy"])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_blank_page_has_no_structure(colour: str, kind: str) -> None:
    assert not has_structure(through(Image.new("RGB", (640, 480), colour), kind))


def test_single_pixels_have_no_structure() -> None:
    assert not has_structure(Image.new("RGB", (1, 1)))
    assert not has_structure(Image.new("RGB", (1, 300)))


@pytest.mark.parametrize("photo", golden_photos(), ids=lambda photo: photo.path.name)
def test_photos_have_structure(photo: Photo) -> None:
    assert has_structure(read(photo.path.read_bytes(), at_least=(256, 256)).image)
