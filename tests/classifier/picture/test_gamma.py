"""A PNG's gamma and primaries are followed as browsers follow them. The values are those that Chromium 156 shows."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from classifier.picture.decode import from_image, read
from classifier.picture.gamma import profile_of
from tests.support.hostile import encode, png_chunk

PLACES = [0, 10, 64, 128, 192, 255]
SRGB = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)


def gama(gamma: float) -> bytes:
    return png_chunk(b"gAMA", struct.pack(">I", round(gamma * 100_000)))


def chrm(values: tuple[float, ...]) -> bytes:
    return png_chunk(b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def png(mode: str, chunks: bytes, profile: bytes | None = None) -> bytes:
    """A PNG of all values from left to right, with chunks after its header."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    image = {
        "L": Image.fromarray(ramp),
        "16": Image.fromarray(ramp.astype(np.uint16) * 257),
        "RGB": Image.fromarray(np.dstack([ramp] * 3)),
        "P": Image.fromarray(ramp).convert("P"),
        "colour": Image.fromarray(np.dstack([ramp, np.full_like(ramp, 60), np.full_like(ramp, 200)])),
    }[mode]
    data = encode(image, "PNG", icc_profile=profile)
    return data[:33] + chunks + data[33:]


def shown(data: bytes) -> NDArray[np.int16]:
    return np.asarray(read(data).image, np.int16)[0, PLACES]


@pytest.mark.parametrize(
    ("gamma", "values"),
    [
        (0.3, [0, 0, 25, 89, 167, 255]),
        (0.43, [0, 2, 56, 124, 190, 255]),
        (0.45455, [0, 10, 64, 128, 192, 255]),
        (0.47, [0, 10, 64, 128, 192, 255]),
        (0.5, [0, 5, 71, 137, 198, 255]),
        (1.0, [0, 56, 137, 188, 225, 255]),
        (2.2, [0, 132, 193, 222, 241, 255]),
        (0.0, [0, 10, 64, 128, 192, 255]),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "P", "L", "16"])
def test_a_gamma_is_followed(gamma: float, values: list[int], mode: str) -> None:
    difference = np.abs(shown(png(mode, gama(gamma))) - np.array(values)[:, None])
    assert difference.mean() <= 1


@pytest.mark.parametrize("other", ["sRGB", "profile"])
def test_srgb_and_a_profile_go_first(other: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if other == "profile" else None
    data = png("RGB", gama(1.0) + (png_chunk(b"sRGB", b"\0") if other == "sRGB" else b""), profile)
    assert np.abs(shown(data) - np.array(PLACES)[:, None]).max() <= 1


@pytest.mark.parametrize(
    ("chunks", "reds", "others"),
    [
        (gama(0.5) + chrm(SRGB), [0, 5, 71, 137, 198, 255], (67, 206)),
        (gama(0.5) + chrm(ADOBE), [0, 0, 73, 156, 227, 255], (67, 209)),
        (gama(0.45455) + chrm(ADOBE), [0, 0, 63, 147, 222, 255], (57, 205)),
        (chrm(ADOBE), [0, 10, 64, 128, 192, 255], (60, 200)),
    ],
    ids=["sRGB's", "Adobe's", "Adobe's, a screen's gamma", "Adobe's, no gamma"],
)
def test_primaries_count_beside_a_gamma(chunks: bytes, reds: list[int], others: tuple[int, int]) -> None:
    assert np.abs(shown(png("colour", chunks)) - [(red, *others) for red in reds]).max() <= 1


@pytest.mark.parametrize("values", [(0.0,) * 8, (0.3, 0.3) * 4, (0.3127, 0.3290, 0.64, 0.33, 0.64, 0.33, 0.15, 0.06)])
def test_primaries_that_are_none_are_passed_over(values: tuple[float, ...]) -> None:
    expected = [0, 5, 71, 137, 198, 255]
    assert np.abs(shown(png("RGB", gama(0.5) + chrm(values))) - np.array(expected)[:, None]).max() <= 1


def test_an_image_that_a_caller_opened_shows_the_same() -> None:
    image = Image.new("RGB", (8, 8), (64, 64, 64))
    image.info["gamma"] = 1.0
    assert from_image(image).image.getpixel((0, 0)) == (137, 137, 137)
    assert profile_of({}, "RGB") is None
