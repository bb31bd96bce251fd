"""A JPEG that lacks its end is read, with a note, if nearly all of it is there; else it is refused."""

from __future__ import annotations

import io
import time
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import BrokenImageError, CutOffError, ImageError
from classifier.languages import languages
from classifier.notes import SENTENCES, note
from classifier.picture.decode import from_image, read
from tests.support.hostile import SECONDS, encode
from tests.support.photos import photo

KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "baseline 4:4:4": {"subsampling": 0},
    "optimised": {"optimize": True},
    "restart intervals": {"restart_marker_rows": 1},
    "short restart intervals": {"restart_marker_blocks": 7},
    "grey": {"mode": "L"},
    "CMYK": {"mode": "CMYK"},
}
PROGRESSIVE: dict[str, dict[str, Any]] = {
    "progressive": {"progressive": True},
    "progressive with intervals": {"progressive": True, "restart_marker_rows": 1},
    "progressive grey": {"progressive": True, "mode": "L"},
}
EVERY = pytest.mark.parametrize("kind", [*KINDS, *PROGRESSIVE])


@cache
def cat(kind: str) -> bytes:
    """451 x 300 pixels."""
    options = dict((KINDS | PROGRESSIVE)[kind])
    return encode(Image.open(photo("chelsea.png")).convert(options.pop("mode", "RGB")), "JPEG", quality=85, **options)


def pixels(data: bytes) -> NDArray[np.int16]:
    return np.asarray(read(data).image, np.int16)


def difference(data: bytes, kind: str) -> float:
    """Mean per channel from the whole file, as Pillow reads that."""
    whole = np.asarray(Image.open(io.BytesIO(cat(kind))).convert("RGB"), np.int16)
    return float(np.abs(pixels(data) - whole).mean())


def rows(data: bytes) -> int:
    (found,) = read(data, at_least=(200, 200)).notes
    assert found.code == "cut_off"
    assert (
        found.message
        == f"The file is cut off near its end: {found.details['rows']} of its 300 rows of pixels are there."
    )
    return int(found.details["rows"])


@EVERY
def test_a_whole_file_has_no_note(kind: str) -> None:
    for behind in (b"", bytes(1000), b"\xff\xd8 and more", b"a film" * 100):
        assert read(cat(kind) + behind).notes == ()


@EVERY
@pytest.mark.parametrize("behind", [b"", bytes(40), bytes(100_000)], ids=["alone", "few zeros", "many zeros"])
def test_a_file_without_its_end_mark_is_read_as_the_whole_one(kind: str, behind: bytes) -> None:
    data = cat(kind)[:-2] + behind
    assert difference(data, kind) == 0
    assert rows(data) == 300


@EVERY
@pytest.mark.parametrize("missing", [3, 4, 7, 20, 100, 250])
@pytest.mark.parametrize("behind", [b"", bytes(5000)], ids=["alone", "zeros"])
def test_a_file_that_is_some_bytes_short_is_read(kind: str, missing: int, behind: bytes) -> None:
    data = cat(kind)[:-missing] + behind
    assert difference(data, kind) < 1
    if kind in KINDS:
        assert 288 <= rows(data) <= 300


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("behind", [b"", bytes(50_000)], ids=["alone", "zeros"])
def test_a_file_that_lacks_a_real_part_is_refused_with_the_rows_that_it_has(
    kind: str, share: float, behind: bytes
) -> None:
    data = cat(kind)[: int(len(cat(kind)) * share)] + behind
    with pytest.raises(
        CutOffError, match=r"JPEG file is damaged or incomplete: it is cut off after \d+ of its 300"
    ) as e:
        read(data)
    whole = np.asarray(Image.open(io.BytesIO(cat(kind))).convert("RGB"), np.int16)
    there = np.asarray(Image.open(io.BytesIO(data.rstrip(b"\0\xff") + b"\xff\xd9")).convert("RGB"), np.int16)
    true = int((whole != there).any(axis=(1, 2)).argmax())
    assert abs(int(str(e.value.details["rows"])) - true) <= 9  # a row of blocks, and what is interpolated


@pytest.mark.parametrize("kind", PROGRESSIVE)
def test_a_progressive_file_that_lacks_only_the_finest_detail_is_read(kind: str) -> None:
    data = cat(kind)[: int(len(cat(kind)) * 0.9)]
    assert difference(data, kind) < 1
    assert read(data).notes == (note("cut_off_detail", height="300"),)


@pytest.mark.parametrize("kind", PROGRESSIVE)
@pytest.mark.parametrize("share", [0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
def test_a_progressive_file_that_is_still_coarse_is_refused(kind: str, share: float) -> None:
    with pytest.raises(ImageError, match="damaged or incomplete"):
        read(cat(kind)[: int(len(cat(kind)) * share)])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "CMYK"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_an_end_mark_in_the_place_of_pixels_is_no_end(kind: str, share: float) -> None:
    cut = cat(kind)[: int(len(cat(kind)) * share)].rstrip(b"\xff")
    for behind in (b"\xff\xd9", b"\xff\xd9" + bytes(100), b"\xff\xd9and more\xff\xd9"):
        if share < 0.99:
            with pytest.raises(CutOffError):
                read(cut + behind, at_least=(40, 40))
        else:
            assert 280 <= rows(cut + behind) < 300


def test_a_picture_that_is_grey_at_its_end_is_whole() -> None:
    image = Image.open(photo("chelsea.png")).convert("RGB")
    image.paste((128, 128, 128), (0, 200, image.width, image.height))
    for options in ({}, {"subsampling": 0}, {"progressive": True}, {"restart_marker_rows": 1}):
        data = encode(image, "JPEG", **options)
        assert read(data).image.getpixel((400, 299)) == (128, 128, 128)
        assert read(data).notes == ()
    assert read(encode(Image.new("L", (300, 200), 128), "JPEG")).notes == ()


def test_a_file_that_ends_before_its_pixels_is_damaged() -> None:
    start = cat("baseline").index(b"\xff\xda")
    for end in (3, 20, 200, start, start + 5, start + 14, start + 40):
        with pytest.raises(BrokenImageError):
            read(cat("baseline")[:end])


def test_a_file_of_several_scans_that_lacks_a_colour_is_refused() -> None:
    data = cat("progressive")
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    with pytest.raises(BrokenImageError):
        read(data[: second + 40])


def test_an_opened_image_is_read_as_its_file() -> None:
    data = cat("baseline")[:-2]
    with Image.open(io.BytesIO(data)) as image:
        found = from_image(image)
    assert found.notes == read(data).notes
    assert found.image == read(data).image


@pytest.mark.parametrize("code", SENTENCES)
def test_the_page_says_it_in_the_same_words(code: str) -> None:
    assert languages()["en"].tables["page"][f"note_{code}"] == SENTENCES[code]


@pytest.mark.parametrize(
    "part", [b"\xff" * 19_000_000, b"\xff\0" * 9_500_000, bytes(19_000_000)], ids=["fill", "ff", "00"]
)
def test_no_file_keeps_the_search_for_its_end_busy(part: bytes) -> None:
    start = cat("baseline").index(b"\xff\xda") + 14
    begin = time.process_time()
    with suppress(ImageError):
        read(cat("baseline")[:start] + part + b"\0", at_least=(224, 224))
    assert time.process_time() - begin < SECONDS
