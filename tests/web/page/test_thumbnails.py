"""The gallery's thumbnails are files: there is one for each sample, and it shows that sample."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from web.page import gallery, thumbnails


def pixels(file: bytes) -> NDArray[np.float32]:
    with Image.open(io.BytesIO(file)) as image:
        assert image.format == "WEBP"
        return np.asarray(image.convert("RGB"), np.float32)


@pytest.mark.parametrize("file", list(gallery.samples()))
def test_a_thumbnail_shows_its_sample(file: str) -> None:
    sample = gallery.samples()[file]
    kept = pixels(sample.thumbnail.read_bytes())
    assert kept.shape == (thumbnails.SIZE, thumbnails.SIZE, 3)
    # Another version of libwebp may write other bytes, but not another picture.
    assert np.abs(kept - pixels(thumbnails.thumbnail(sample))).mean() < 2


def test_no_thumbnail_is_left_of_a_sample_that_is_gone() -> None:
    folder = gallery.FOLDER / "thumbnails"
    assert {file.name for file in folder.iterdir()} == {one.thumbnail.name for one in gallery.samples().values()}


@pytest.mark.parametrize("file", gallery.samples())
def test_a_sample_is_shown_by_a_small_file_of_the_size_that_the_page_says(file: str) -> None:
    """If not: write its size into the manifest, or `make thumbnails`."""
    sample = gallery.samples()[file]
    with Image.open(sample.shown) as shown, Image.open(gallery.FOLDER / file) as whole:
        assert shown.size == whole.size == tuple(sample.size)
        assert shown.getexif().get(0x112, 1) == 1
    assert sample.shown.stat().st_size < 140_000
