"""Every kind of TIFF is read right, whatever its samples are, or refused by the name of its kind."""

from __future__ import annotations

import io
import time
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin, features

from classifier.errors import BrokenImageError, NoMemoryError, TooManyPixelsError, UnsupportedKindError
from classifier.picture.decode import from_image, read
from classifier.picture.formats.tiff import TIFF
from classifier.picture.limits import Limits
from tests.support.hostile import SECONDS, encode
from tests.support.tiff_kinds import (
    CMYK,
    FLOAT,
    GREY,
    HEIGHT,
    RGB,
    SOUND,
    WHITE_IS_0,
    WIDTH,
    Array,
    cat,
    ink,
    on_white,
    page,
    subsampled_ycbcr,
    tags,
    wide,
)
from tests.support.tiffs import Page, packed, tiff_file


def expected(kind: str) -> Array:
    mode, _, how = kind.partition(" ")
    pixels = cat(mode)
    if how == "on white":
        pixels = on_white(pixels)
    if how == "stretched":
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (pixels - low) / (high - low) * 255
    return np.broadcast_to(pixels if pixels.ndim == 3 else pixels[..., None], (HEIGHT, WIDTH, 3))


def difference(data: bytes, want: Array) -> float:
    """The largest mean difference of a channel."""
    got = np.asarray(read(data).image, float)
    return float(np.abs(got - want).mean(axis=(0, 1)).max())


@pytest.mark.parametrize("name", SOUND)
def test_a_kind_gives_the_pixels_that_it_holds(name: str) -> None:
    make, kind = SOUND[name]
    assert difference(make(), expected(kind)) < 1


def test_ycbcr_with_fewer_colours_than_light_is_read() -> None:
    want = np.asarray(Image.fromarray(cat()).resize((112, 76)), float)
    assert difference(subsampled_ycbcr(), want) < 4


def lab(**options: Any) -> bytes:
    colour = np.array([197, 256 - 30, 45], np.uint8)
    return encode(Image.frombytes("LAB", (WIDTH, HEIGHT), np.tile(colour, WIDTH * HEIGHT).tobytes()), "TIFF", **options)


def test_lab_is_relative_to_the_white_that_it_names() -> None:
    daylight = TiffImagePlugin.ImageFileDirectory_v2()
    daylight[318] = tuple(TiffImagePlugin.IFDRational(part, 10_000) for part in (3127, 3290))
    printing, day = (np.asarray(read(file).image, int)[0, 0] for file in (lab(), lab(tiffinfo=daylight)))
    assert np.abs(printing - (154, 205, 103)).max() <= 2  # by the formulas of CIE and of IEC 61966-2-1
    assert np.abs(day - (163, 204, 104)).max() <= 2


@pytest.mark.skipif(not features.check("webp"), reason="Pillow without WebP")
def test_webp_in_tiff_is_read() -> None:
    strip = encode(Image.fromarray(cat()), "WEBP", lossless=True)
    assert difference(tiff_file(Page(tags(RGB, 8, 3, coding=50001), [strip])), cat()) < 1


UNREAD = {
    "JPEG XL in TIFF": lambda: page(cat(), RGB, 8, coding=50002),
    "JPEG 2000 in TIFF": lambda: page(cat(), RGB, 8, coding=34712),
    "JPEG 2000 in TIFF (Aperio)": lambda: page(cat(), RGB, 8, coding=33005),
    "JPEG XR in TIFF": lambda: page(cat(), RGB, 8, coding=22610),
    "LERC in TIFF": lambda: page(cat(), RGB, 8, coding=34887),
    "LogLuv in TIFF": lambda: page(cat(), 32845, 16, coding=34676),
    "12-bit JPEG in TIFF": lambda: page(wide(cat(), 12), RGB, 12, coding=7),
    "TIFF of 5 channels that are not named": lambda: page(np.dstack([cat(), cat()[..., :2]]), GREY, 8, extra=[0] * 4),
    "TIFF of complex numbers": lambda: page(cat("L").astype("c8").view("u8"), GREY, 64, form=6),
    "TIFF of a volume": lambda: tiff_file(Page(tags(GREY, 8) | {32997: 4}, [cat("L").tobytes()])),
    "TIFF of other inks than CMYK": lambda: tiff_file(Page(tags(CMYK, 8, 4) | {332: 2}, [ink(cat()).tobytes()])),
    "TIFF whose samples differ": lambda: tiff_file(Page(tags(RGB, 8, 3) | {258: [5, 6, 5]}, [cat().tobytes()])),
    "TIFF with compression 9999": lambda: page(cat(), RGB, 8, coding=9999),
    "TIFF of photometric interpretation 77": lambda: page(cat(), 77, 8),
    "TIFF of a transparency mask": lambda: page(cat("L"), 4, 8),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_kind_that_is_not_read_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(UnsupportedKindError) as refusal:
        read(UNREAD[name]())
    assert name.partition(" (")[0] in refusal.value.message
    assert "damaged" not in refusal.value.message
    assert "Save the picture as JPEG or PNG" in refusal.value.message


def test_a_thumbnail_before_the_picture_is_not_taken_for_it() -> None:
    small = np.asarray(Image.fromarray(cat()).resize((28, 19)))
    thumbnail = Page(tags(RGB, 8, 3) | {254: 1, 256: 28, 257: 19, 278: 19}, [small.tobytes()])
    whole = Page(tags(RGB, 8, 3), [cat().tobytes()])
    assert difference(tiff_file(thumbnail, whole), cat()) < 1


def test_a_picture_that_pillow_opened_is_read_as_its_file() -> None:
    data = SOUND["16-bit planes"][0]()
    with Image.open(io.BytesIO(data)) as image:
        assert np.array_equal(np.asarray(from_image(image).image), np.asarray(read(data).image))
        image.load()
        assert from_image(image).width == WIDTH  # whose pixels are Pillow's


@pytest.mark.parametrize("coding", [1, 8])
@pytest.mark.parametrize("bits", [12, 16])
def test_a_picture_of_which_a_part_is_missing_is_damaged(bits: int, coding: int) -> None:
    strip = packed(wide(cat(), bits), bits) if bits == 12 else wide(cat(), bits).tobytes()
    strip = zlib.compress(strip) if coding == 8 else strip
    with pytest.raises(BrokenImageError):
        read(tiff_file(Page(tags(RGB, bits, 3, coding=coding, planar=1, fill=2), [strip[:-200]])))


def test_a_directory_that_points_out_of_its_file_is_damaged() -> None:
    data = page(wide(cat(), 12), RGB, 12)
    place = data.index(bytes([2, 1, 4, 0, 3, 0, 0, 0])) + 8  # of the tag for bits
    with pytest.raises(BrokenImageError):
        read(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_such_pictures_are_turned_upright(orientation: int) -> None:
    one = Page(tags(RGB, 16, 3, planar=2) | {274: orientation}, [wide(cat()[..., i], 16).tobytes() for i in range(3)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    want = np.asarray(read(encode(Image.fromarray(cat()), "PNG", exif=exif)).image, int)
    picture = read(tiff_file(one))
    assert (picture.width, picture.height) == want.shape[1::-1]
    assert np.abs(np.asarray(picture.image, int) - want).mean() < 1


def flat(width: int, height: int, bits: int, meaning: int, samples: int, **others: Any) -> bytes:
    """A file of zeros, compressed."""
    planes = samples if others.get("planar") == 2 else 1
    strip = zlib.compress(bytes(width * height * samples // planes * bits // 8), 1)
    sizes = {256: width, 257: height, 278: height}
    return tiff_file(Page(tags(meaning, bits, samples, coding=8, **others) | sizes, [strip] * planes))


def test_what_takes_more_memory_than_there_is_is_refused_before() -> None:
    data = flat(3000, 2000, 64, RGB, 3, form=[FLOAT] * 3)
    with pytest.raises(NoMemoryError):
        read(data, Limits(memory=150_000_000))
    with pytest.raises(TooManyPixelsError):
        read(data, Limits(max_pixels=5_000_000))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("meaning", [WHITE_IS_0, RGB])
def test_the_largest_pictures_take_no_more_time_than_a_worker_has(meaning: int) -> None:
    data = flat(8000, 6000, 16, meaning, 3 if meaning == RGB else 1, planar=2)
    start = time.process_time()
    assert read(data).width == 8000
    assert time.process_time() - start < SECONDS


def test_many_small_tiles_take_little_time() -> None:
    across = 195
    one = {key: value for key, value in tags(WHITE_IS_0, 16).items() if key != 278}
    sizes = {256: 16 * across, 257: 16 * across, 322: 16, 323: 16}
    data = tiff_file(Page(one | sizes, [bytes(512)] * across**2, tiled=True))
    start = time.process_time()
    assert np.asarray(read(data).image).min() == 255
    assert time.process_time() - start < SECONDS


def test_libtiff_decodes_what_is_not_compressed_where_it_is_told_to() -> None:
    image = TIFF.open(subsampled_ycbcr()) if TIFF.open else None
    assert isinstance(image, TiffImagePlugin.TiffImageFile)
    assert image.use_load_libtiff
    assert [tile.codec_name for tile in image.tile] == ["libtiff"]
    with Image.open(io.BytesIO(subsampled_ycbcr()), formats=["TIFF"]) as plain:
        assert not plain.use_load_libtiff  # type: ignore[attr-defined]
