"""A camera's raw file is read by its preview, if that is large, and the answer says so; else it is refused by name."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import ImageError, UnsupportedFormatError, UnsupportedKindError
from classifier.picture.decode import Picture, read
from classifier.picture.formats.raw import jpeg_size
from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Bounds, Workers
from tests.support.hostile import encode
from tests.support.raws import (
    DNG,
    LARGE,
    LINEAR,
    RAW,
    SMALL,
    below,
    cat,
    dng,
    in_strip,
    jpeg,
    lossless,
    nef,
    rgb,
    sensor,
    with_tags,
)
from tests.support.tiffs import Page, tiff_file

Array = NDArray[Any]


def difference(picture: Picture, size: tuple[int, int] = LARGE) -> float:
    want = np.asarray(cat(size), float)
    got = np.asarray(picture.image, float)
    assert got.shape == want.shape
    return float(np.abs(got - want).mean())


@pytest.mark.parametrize("name", RAW)
def test_the_large_preview_is_read_and_the_answer_says_so(name: str) -> None:
    picture = read(RAW[name](jpeg(LARGE)))
    assert difference(picture) < 3
    assert (picture.width, picture.height, picture.format) == (*LARGE, "TIFF")
    (found,) = picture.notes
    assert (found.code, found.details) == ("raw_preview", {"kind": name, "size": "1024 x 680"})


@pytest.mark.parametrize("name", RAW)
def test_a_raw_file_with_a_thumbnail_only_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(UnsupportedKindError, match=rf"camera raw file \({name}\) without a large preview"):
        read(RAW[name](jpeg(SMALL)))


def test_the_largest_of_several_is_taken() -> None:
    middle = (768, 510)
    data = dng(in_strip(jpeg(middle), middle), in_strip(jpeg(LARGE), LARGE), in_strip(jpeg(SMALL), SMALL), sensor())
    assert difference(read(data)) < 3
    assert difference(read(data, Limits(max_pixels=500_000)), middle) < 3


@pytest.mark.parametrize("place", ["first", "below"])
def test_a_preview_that_is_no_jpeg_is_read(place: str) -> None:
    large = rgb(LARGE)
    data = tiff_file(below(with_tags(large, **DNG), sensor())) if place == "first" else dng(large, sensor())
    picture = read(data)
    assert difference(picture) == 0
    assert picture.notes[0].details == {"kind": "DNG", "size": "1024 x 680"}


def test_sensor_values_are_never_taken_for_a_preview() -> None:
    tiles = Page({**sensor(7, LINEAR).tags, 258: [8, 8, 8], 277: 3, 322: 1024, 323: 680}, [jpeg(LARGE)] * 4, tiled=True)
    for page in (tiles, sensor(7, strip=lossless())):
        with pytest.raises(UnsupportedKindError, match="DNG"):
            read(dng(page))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_preview_is_turned_as_the_file_says(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = read(encode(cat(LARGE), "PNG", exif=exif))
    for data in (nef(jpeg(LARGE), orientation=orientation), dng(rgb(LARGE), sensor(), orientation=orientation)):
        picture = read(data)
        assert (picture.width, picture.height) == (upright.width, upright.height)
        assert np.abs(np.asarray(picture.image, float) - np.asarray(upright.image)).mean() < 3
        small = read(data, at_least=(100, 140)).image
        assert small.size >= (100, 140)


def test_a_preview_is_not_turned_twice() -> None:
    told = read(nef(jpeg(LARGE, orientation=6), orientation=6))
    turned = read(nef(jpeg(LARGE, rotated=True), orientation=8))
    assert (told.width, told.height) == (turned.width, turned.height) == LARGE[::-1]


OTHERS = {
    "RAF": b"FUJIFILMCCD-RAW 0201FF383501",
    "CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "CRW": b"II\x1a\0\0\0HEAPCCDR",
    "X3F": b"FOVb\0\0\2\0",
    "MRW": b"\0MRM\0\1\2\3",
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_raw_file_that_is_no_tiff_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(UnsupportedKindError, match=rf"camera raw file \({name}\)"):
        read(OTHERS[name] + bytes(100) + jpeg(LARGE))


def test_a_preview_in_a_format_that_is_not_allowed_is_not_read() -> None:
    with pytest.raises(UnsupportedFormatError):
        read(nef(jpeg(LARGE)), Limits(formats=("TIFF",)))


def test_a_tiff_of_a_camera_is_no_raw_file() -> None:
    picture = read(tiff_file(with_tags(rgb(LARGE), make=b"NIKON CORPORATION\0")))
    assert picture.notes == ()
    assert difference(picture) == 0


def test_a_worker_tells_of_the_preview() -> None:
    with_note = Workers(Limits(), 1, Bounds(128 << 20))
    try:
        prepared = with_note.prepare(nef(jpeg(LARGE)), Geometry((224, 224)))
        assert [note.code for note in prepared.notes] == ["raw_preview"]
        assert (prepared.width, prepared.format) == (LARGE[0], "TIFF")
        with pytest.raises(UnsupportedKindError):
            with_note.prepare(nef(jpeg(SMALL)), Geometry((224, 224)))
    finally:
        with_note.close()


@pytest.mark.parametrize("name", RAW)
def test_damage_anywhere_ends_in_an_answer_or_a_refusal(name: str) -> None:
    data = RAW[name](jpeg(LARGE))
    random = np.random.default_rng(7)
    for _ in range(40):
        damaged = bytearray(data)
        for at in random.integers(0, len(data), 20):
            damaged[at] = random.integers(256)
        for at in random.integers(0, min(len(data), 600), 3):
            damaged[-at - 1] = random.integers(256)
        with suppress(ImageError):
            read(bytes(damaged[: random.integers(len(data) // 2, len(data))]))


def test_the_size_of_a_jpeg_is_that_of_its_frame() -> None:
    assert jpeg_size(jpeg(LARGE), 0) == LARGE
    assert jpeg_size(b"x" + jpeg(SMALL, orientation=6), 1) == SMALL
    assert jpeg_size(lossless(), 0) is None
    assert jpeg_size(jpeg(LARGE)[:100], 0) is None


def test_a_raw_file_of_phase_one_is_known_by_its_mark_alone() -> None:
    data = tiff_file(Page({254: 0}, [bytes(8)]), rgb(SMALL))
    with pytest.raises(UnsupportedKindError, match=r"camera raw file \(IIQ\) without a large preview"):
        read(data[:8] + b"IIII" + data[12:])
