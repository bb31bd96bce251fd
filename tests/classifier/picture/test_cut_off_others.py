"""PNG, WebP and BMP that lack their end are read, with a note, if nearly all is there; zeros hide nothing."""

from __future__ import annotations

import io
import struct
import time
import zlib
from functools import cache
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.errors import BrokenImageError, CutOffError, ImageError, TooManyPixelsError
from classifier.picture.decode import read
from classifier.picture.limits import Limits
from tests.support.hostile import SECONDS, encode
from tests.support.photos import photo

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "PNG": ("PNG", "RGB", {}),
    "PNG with palette": ("PNG", "P", {}),
    "PNG with alpha": ("PNG", "RGBA", {}),
    "grey PNG": ("PNG", "L", {}),
    "black and white PNG": ("PNG", "1", {}),
    "WebP": ("WEBP", "RGB", {}),
    "WebP with alpha": ("WEBP", "RGBA", {"quality": 95}),
    "WebP without loss": ("WEBP", "RGB", {"lossless": True}),
    "WebP with EXIF": ("WEBP", "RGB", {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"}),
    "BMP": ("BMP", "RGB", {}),
    "BMP with palette": ("BMP", "P", {}),
    "black and white BMP": ("BMP", "1", {}),
}
EVERY = pytest.mark.parametrize("kind", KINDS)


@cache
def cat(kind: str) -> bytes:
    """451 x 300 pixels."""
    name, mode, options = KINDS[kind]
    return encode(Image.open(photo("chelsea.png")).convert(mode), name, **options)


def end_of_pixels(kind: str) -> int:
    """Where the data of the pixels ends in the file."""
    data = cat(kind)
    if kind.startswith("PNG") or "PNG" in kind:
        return data.index(b"IEND") - 8
    return data.index(b"EXIF", 40) if "EXIF" in kind else len(data)


def difference(data: bytes, kind: str) -> float:
    """Mean per channel from the whole file, as Pillow reads that."""
    whole = np.asarray(Image.open(io.BytesIO(cat(kind))).convert("RGB"), np.int16)
    return float(np.abs(np.asarray(read(data).image, np.int16) - whole).mean())


@EVERY
def test_a_whole_file_has_no_note(kind: str) -> None:
    for behind in (b"", bytes(1000), b"and more" * 100):
        assert read(cat(kind) + behind).notes == ()


@EVERY
@pytest.mark.parametrize("missing", [1, 2, 3, 5, 12])
def test_a_file_that_is_some_bytes_short_is_read_as_the_whole_one(kind: str, missing: int) -> None:
    assert difference(cat(kind)[:-missing], kind) < 0.2


@EVERY
def test_a_file_that_lacks_little_is_read_with_the_rows_that_it_has(kind: str) -> None:
    picture = read(cat(kind)[: end_of_pixels(kind) - (end_of_pixels(kind) // 1000)], at_least=(200, 200))
    if picture.notes or "BMP" not in kind:  # whose rows may be padded
        (found,) = picture.notes
        assert found.code == "cut_off"
        assert 284 <= int(found.details["rows"]) <= 300
        assert found.details["height"] == "300"


@EVERY
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_a_file_that_lacks_a_real_part_is_refused_with_the_rows_that_it_has(kind: str, share: float) -> None:
    data = cat(kind)[: int(end_of_pixels(kind) * share)]
    with pytest.raises(ImageError, match="damaged or incomplete") as e:
        read(data)
    if isinstance(e.value, CutOffError):
        # The lower rows are harder to code than the upper ones.
        assert 0.1 * 300 < int(str(e.value.details["rows"])) < (share + 0.25) * 300
    else:
        assert kind == "WebP with alpha"  # whose transparent part comes first


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith(("PNG", "WebP", "grey PNG"))])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.8])
def test_zeros_in_the_place_of_a_real_part_are_refused(kind: str, share: float) -> None:
    data = cat(kind)[: int(end_of_pixels(kind) * share)].ljust(end_of_pixels(kind), b"\0")
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read(data + cat(kind)[end_of_pixels(kind) :])
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read(data.ljust(len(cat(kind)), b"\0"))


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_zeros_in_the_place_of_a_part_of_an_avif_are_refused(share: float) -> None:
    data = encode(Image.open(photo("chelsea.png")).convert("RGB"), "AVIF", quality=95)
    assert read(data + bytes(10_000)).notes == ()
    with pytest.raises(BrokenImageError):
        read(data[: int(len(data) * share)].ljust(len(data), b"\0"))


def test_a_bmp_without_the_padding_of_its_last_row_is_whole() -> None:
    data = encode(Image.open(photo("chelsea.png")).convert("RGB"), "BMP")
    assert (451 * 3) % 4
    assert read(data[:-3]).notes == ()
    assert difference(data[:-3], "BMP") == 0


def test_a_header_of_too_many_pixels_is_told_first() -> None:
    for kind in ("PNG", "BMP"):
        with pytest.raises(TooManyPixelsError):
            read(cat(kind)[: len(cat(kind)) // 2], Limits(max_pixels=100_000))


def test_pixels_that_are_missing_are_never_read_from_a_header_that_claims_many() -> None:
    chunk = struct.pack(">I", 100) + b"IDAT" + zlib.compress(bytes(1 << 20))[:60]
    for width, height in ((65_000, 900), (7_000, 6_000), (2**31 - 1, 2**31 - 1)):
        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        data = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head
        data += struct.pack(">I", zlib.crc32(b"IHDR" + head)) + chunk
        begin = time.monotonic()
        with pytest.raises(ImageError):
            read(data)
        assert time.monotonic() - begin < SECONDS
    claimed = cat("WebP")[:16] + struct.pack("<I", 2**32 - 20) + cat("WebP")[20:5000]
    with pytest.raises(ImageError):
        read(claimed)
