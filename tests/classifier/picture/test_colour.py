"""Pixels of every mode, with transparency or a profile, come out as the same colours in RGB, reduced or not."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageCms

from classifier.picture.decode import read
from tests.support.drawn import difference, pixel
from tests.support.hostile import encode
from tests.support.photos import photo


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "PNG"),
        ("LA", "PNG"),
        ("P", "PNG"),
        ("RGB", "PNG"),
        ("RGBA", "PNG"),
        ("I;16", "PNG"),
        ("I", "TIFF"),
        ("F", "TIFF"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("YCbCr", "TIFF"),
        ("LAB", "TIFF"),
        ("P", "GIF"),
    ],
)
@pytest.mark.parametrize("at_least", [None, (100, 75)])
def test_each_mode_becomes_the_same_picture(mode: str, kind: str, at_least: tuple[int, int] | None) -> None:
    grey = Image.linear_gradient("L").resize((400, 300))
    if mode == "I;16":
        values = np.asarray(grey, np.uint16) * 257
        source = Image.fromarray(values)
    elif mode in ("I", "F"):
        source = Image.fromarray(np.asarray(grey, np.int32 if mode == "I" else np.float32))
    elif mode == "LAB":
        to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        source = to_lab.apply(grey.convert("RGB"))
    elif mode == "1":
        grey = grey.point(lambda value: 255 if value > 127 else 0)
        source = grey.convert("1")
    elif mode == "P":
        source = grey.convert("RGB").quantize(256)
    else:
        source = grey.convert("RGB").convert(mode)
    assert source.mode == mode
    picture = read(encode(source, kind), at_least=at_least)
    expected = grey.convert("RGB").resize(picture.image.size, Image.Resampling.BOX)
    assert difference(picture.image, expected) < 6


def test_transparent_parts_are_white() -> None:
    source = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    source.paste((10, 200, 10, 255), (20, 0, 40, 40))
    for kind in ("PNG", "WEBP", "AVIF", "TIFF", "GIF"):
        picture = read(encode(source, kind)).image
        left, right = pixel(picture, (5, 20)), pixel(picture, (35, 20))
        assert min(left) > 250, kind
        assert max(abs(a - b) for a, b in zip(right, (10, 200, 10), strict=True)) < 12, kind


def test_a_transparent_palette_colour_is_white() -> None:
    source = Image.new("P", (20, 20), 0)
    source.putpalette([0, 0, 0, 255, 0, 0])
    source.paste(1, (10, 0, 20, 20))
    picture = read(encode(source, "PNG", transparency=0)).image
    assert pixel(picture, (2, 2)) == (255, 255, 255)
    assert pixel(picture, (15, 2)) == (255, 0, 0)


def test_16_bit_values_are_scaled_not_cut() -> None:
    bright = np.full((30, 30), 40_000, np.uint16)
    assert pixel(read(encode(Image.fromarray(bright), "PNG")).image, (3, 3)) == (156, 156, 156)


def test_float_pictures_of_zero_to_one_are_scaled() -> None:
    half = Image.fromarray(np.array([[0.5, 1.0]] * 2, np.float32))
    assert pixel(read(encode(half, "TIFF")).image, (0, 0)) == (128, 128, 128)


def test_float_pictures_with_no_numbers_in_them_are_still_pictures() -> None:
    odd = np.full((8, 8), 0.25, np.float32)
    odd[0, 0], odd[1, 1] = np.nan, np.inf
    assert read(encode(Image.fromarray(odd), "TIFF")).image.size == (8, 8)


def test_an_icc_profile_is_applied() -> None:
    # A matrix profile whose red and blue primaries are swapped: sRGB's own bytes with two tags exchanged.
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = plain.replace(b"rXYZ", b"tmp_", 1).replace(b"bXYZ", b"rXYZ", 1)
    swapped = swapped.replace(b"tmp_", b"bXYZ", 1)
    red = Image.new("RGB", (20, 20), "red")
    assert pixel(read(encode(red, "PNG", icc_profile=plain)).image, (5, 5))[0] > 250
    with_profile = pixel(read(encode(red, "PNG", icc_profile=swapped)).image, (5, 5))
    assert with_profile[2] > 200 > 60 > with_profile[0]


def test_a_broken_icc_profile_is_ignored() -> None:
    red = Image.new("RGB", (20, 20), (250, 10, 10))
    picture = read(encode(red, "PNG", icc_profile=b"no profile at all")).image
    assert pixel(picture, (5, 5)) == (250, 10, 10)


def test_reducing_other_formats_keeps_the_picture() -> None:
    source = Image.open(photo("chelsea.png")).convert("RGB").resize((1800, 1200))
    for kind in ("PNG", "BMP"):
        picture = read(encode(source, kind), at_least=(200, 200))
        assert 200 <= picture.image.height <= 600
        expected = source.resize(picture.image.size, Image.Resampling.BOX)
        assert difference(picture.image, expected) < 1.5


def test_reducing_works_at_every_odd_size() -> None:
    for size in [(1, 1), (1, 5000), (5000, 1), (1023, 769), (2049, 1537), (3001, 7)]:
        data = encode(Image.linear_gradient("L").resize(size).convert("RGBA"), "PNG")
        picture = read(data, at_least=(100, 100))
        assert (picture.width, picture.height) == size
