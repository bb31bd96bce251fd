"""AVIF and HEIC whose colours only the coded picture gives."""

from __future__ import annotations

import base64
import random
import struct
import time
from typing import Any

import pytest
from PIL import Image

from classifier.picture.decode import read
from classifier.picture.formats import av1, hevc
from classifier.picture.formats.items import read_items, start_of
from tests.support.heif import box, with_properties
from tests.support.hostile import encode

# Grey 128 in PQ: `avifenc --lossless -d 10 --cicp 9/16/0` (libavif 0.11), and then without its box `colr`.
AVIF = base64.b64decode("""
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADebWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABBgAAABsAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAVmlwcnAAAAA4aXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxh
djFDgSBAAAAAABZpcG1hAAAAAAAAAAEAAQOBgoMAAAAjbWRhdBIACgg4DP/YwkQAJDINEAAAABSHUgqHdM4Mug==
""")


# The same: `heif-enc -L -p chroma=420` (libheif 1.15) with x265:colorprim=bt2020, :transfer=smpte2084 and
# :scaling-list=default.
HEIC = base64.b64decode("""
AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAUFtZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAAAAAAAAAAAAAA5w
aXRtAAAAAAABAAAAImlsb2MAAAAAREAAAQABAAAAAAFlAAEAAAAAAAAAEgAAACNpaW5mAAAAAAABAAAAFWluZmUCAAAAAAEAAGh2YzEA
AAAAwWlwcnAAAACjaXBjbwAAAHdodmNDAQNwAAAAAAAAAAAA//AA/P34+AAADwMgAAEAGEABDAH//wNwAAADAJAAAAMAAAMA/7oCQCEA
AQArQgEBA3AAAAMAkAAAAwAAAwD/oCCBBZbqSSrXNwkQBgQAAAMABAAAAwAEICIAAQAGRAHBcYkSAAAAFGlzcGUAAAAAAAAAQAAAAEAA
AAAQcGl4aQAAAAADCAgIAAAAFmlwbWEAAAAAAAAAAQABA4ECgwAAABptZGF0AAAADigBrwW4S3qvykI/XG+A
""")
GREY = pytest.mark.parametrize("grey", [AVIF, HEIC])


@GREY
def test_the_colours_of_the_coded_picture_are_heeded_where_its_file_says_none(grey: bytes) -> None:
    assert b"colr" not in grey
    assert read(grey).image.getpixel((3, 3)) == (132, 132, 132)


@GREY
def test_the_brightest_pixel_is_that_of_the_file(grey: bytes) -> None:
    told = with_properties(grey, box(b"clli", struct.pack(">HH", 400, 100)))
    assert read(told).image.getpixel((3, 3)) == (163, 163, 163)


@GREY
def test_the_file_goes_before_the_coded_picture(grey: bytes) -> None:
    matrix = 0 if grey is AVIF else 6
    told = with_properties(grey, box(b"colr", b"nclx" + struct.pack(">3HB", 1, 13, matrix, 0x80)))
    assert read(told).image.getpixel((3, 3)) == (128, 128, 128)


def test_long_headers_as_those_of_films_are_read() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    start = start_of(data, read_items(data).primary, 1000)
    assert not start[4] & 8  # no reduced header
    colours = av1.colours(start)
    assert colours
    assert colours[:2] == (1, 13)


def _golomb(number: int) -> str:
    bits = f"{number + 1:b}"
    return "0" * (len(bits) - 1) + bits


def _set(*, layers: int = 0, references: str = "1", long_term: str = "0", pcm: str = "0") -> bytes:
    """A decoder's configuration with a set of parameters that says PQ, behind all that can be before it."""
    layered = ("11" * layers + "00" * (8 - layers) + "1" * 96 * layers) if layers else ""
    size = "".join(map(_golomb, (0, 1, 64, 64))) + "1" + "".join(map(_golomb, (1, 0, 1, 0)))
    depth = "".join(map(_golomb, (0, 0, 4))) + "1" + "".join(map(_golomb, (1, 0, 0))) * (layers + 1)
    blocks = "".join(map(_golomb, (0, 3, 0, 3, 0, 0))) + "0" + "11" + pcm
    signal = "1" + "11111111" + "0" * 32 + "11" + "1" + "1010" + "1" + f"{9:08b}{16:08b}{9:08b}"
    bits = (
        f"0000{layers:03b}1"
        + "10" * 48
        + layered
        + size
        + depth
        + blocks
        + references
        + long_term
        + "11"
        + "1"
        + signal
    )
    bits += "1" * (-len(bits) % 8)
    unit = bytes([66, 1]) + int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\0\0", b"\0\0\3")
    return bytes(22) + bytes([2, 32, 0, 1, 0, 3, 64, 1, 12, 33, 0, 1]) + len(unit).to_bytes(2, "big") + unit


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"layers": 3},
        {"pcm": "1" + "01110111" + "11" + "1"},
        {"long_term": "1" + _golomb(2) + ("0" * 8 + "1") * 2},
        # A set of one picture before and two after; one that is made of it (three used, one not); one of that.
        {
            "references": _golomb(3)
            + _golomb(1)
            + _golomb(2)
            + (_golomb(5) + "1") * 3
            + ("1" + "0" + _golomb(3) + "1" + "01" + "1" + "00")
            + ("1" + "1" + _golomb(0) + "1" * 4)
        },
    ],
    ids=["plain", "layers", "pcm", "long term", "references"],
)
def test_all_that_may_be_before_the_colours_of_hevc_is_passed_over(parts: dict[str, Any]) -> None:
    assert hevc.colours(_set(**parts)) == (9, 16, None)


def test_what_is_cut_short_says_nothing() -> None:
    start = start_of(AVIF, 1, 1000)
    for length in range(len(start)):
        assert av1.colours(start[:length]) in (None, (9, 16, None))
    for length in range(len(_set())):
        assert hevc.colours(_set()[:length]) in (None, (9, 16, None))


def test_random_bytes_are_read_in_no_time() -> None:
    generator = random.Random(0)
    start = time.process_time()
    for _ in range(300):
        noise = generator.randbytes(3000)
        av1.colours(b"\x0a\x7f" + noise)
        hevc.colours(bytes(22) + bytes([1, 33, 0, 1]) + (2900).to_bytes(2, "big") + noise)
    assert time.process_time() - start < 3
