"""AVIF whose colours only the coded picture gives."""

from __future__ import annotations

import base64
import struct

from PIL import Image

from classifier.picture.decode import read
from classifier.picture.formats import av1
from classifier.picture.formats.items import read_items, start_of
from tests.support.heif import box, with_properties
from tests.support.hostile import encode

# Grey 128 in PQ: `avifenc --lossless -d 10 --cicp 9/16/0` (libavif 0.11), and then without its box `colr`.
GREY = base64.b64decode("""
AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADebWV0YQAAAAAAAAAoaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA
AGxpYmF2aWYAAAAADnBpdG0AAAAAAAEAAAAeaWxvYwAAAABEAAABAAEAAAABAAABBgAAABsAAAAoaWluZgAAAAAAAQAAABppbmZl
AgAAAAABAABhdjAxQ29sb3IAAAAAVmlwcnAAAAA4aXBjbwAAABRpc3BlAAAAAAAAABAAAAAQAAAAEHBpeGkAAAAAAwoKCgAAAAxh
djFDgSBAAAAAABZpcG1hAAAAAAAAAAEAAQOBgoMAAAAjbWRhdBIACgg4DP/YwkQAJDINEAAAABSHUgqHdM4Mug==
""")


def test_the_colours_of_the_coded_picture_are_heeded_where_its_file_says_none() -> None:
    assert b"colr" not in GREY
    assert read(GREY).image.getpixel((3, 3)) == (132, 132, 132)


def test_the_brightest_pixel_is_that_of_the_file() -> None:
    told = with_properties(GREY, box(b"clli", struct.pack(">HH", 400, 100)))
    assert read(told).image.getpixel((3, 3)) == (163, 163, 163)


def test_the_file_goes_before_the_coded_picture() -> None:
    told = with_properties(GREY, box(b"colr", b"nclx" + struct.pack(">3HB", 1, 13, 0, 0x80)))
    assert read(told).image.getpixel((3, 3)) == (128, 128, 128)


def test_long_headers_as_those_of_films_are_read() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    data = encode(frames[0], "AVIF", save_all=True, append_images=frames[1:])
    start = start_of(data, read_items(data).primary, 1000)
    assert not start[4] & 8  # no reduced header
    colours = av1.colours(start)
    assert colours
    assert colours[:2] == (1, 13)


def test_what_is_cut_short_says_nothing() -> None:
    start = start_of(GREY, 1, 1000)
    for length in range(len(start)):
        assert av1.colours(start[:length]) in (None, av1.colours(start))
