"""PNG: the narrowest pictures, and odd palettes."""

from __future__ import annotations

import struct
import zlib

import pytest
from PIL import Image

from classifier.picture.decode import read
from tests.support.hostile import (
    encode,
    png_chunk,
    sound,
)

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize("size", [(1, 65_535), (65_535, 1), (1, 1)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA"])
def test_the_narrowest_pictures_are_pictures(size: tuple[int, int], mode: str) -> None:
    picture = read(encode(Image.new(mode, size), "PNG"), at_least=(224, 224))
    assert (picture.width, picture.height) == size


@pytest.mark.parametrize("transparency", [b"", b"\0", b"\0\x80\xff" * 5, bytes(256), bytes(300)])
@pytest.mark.parametrize("colours", [0, 1, 16, 256])
def test_odd_palettes_are_pictures_or_errors(colours: int, transparency: bytes) -> None:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 3, 0, 0, 0))
    palette = png_chunk(b"PLTE", bytes(range(256)) * 3)[: 8 + 3 * colours]
    palette = png_chunk(b"PLTE", palette[8:]) + png_chunk(b"tRNS", transparency)
    pixels = png_chunk(b"IDAT", zlib.compress((b"\0" + bytes(range(0, 256, 16))) * 16))
    sound(b"\x89PNG\r\n\x1a\n" + header + palette + pixels + png_chunk(b"IEND", b""))
