"""Every kind of TIFF is read right, whatever its samples are, or refused by the name of its kind."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin, features

from classifier.errors import BrokenImageError, NoMemoryError, TooManyPixelsError, UnsupportedKindError
from classifier.picture.decode import from_image, read
from classifier.picture.formats.tiff import TIFF
from classifier.picture.limits import Limits
from tests.support.hostile import SECONDS, encode
from tests.support.photos import photo
from tests.support.tiffs import Page, packed, tiff_file

Array = NDArray[Any]
WIDTH, HEIGHT = 113, 75
GREY, WHITE_IS_0, RGB, PALETTE, CMYK, YCBCR, LAB = 1, 0, 2, 3, 5, 6, 8
SIGNED, FLOAT = 2, 3


@cache
def cat(mode: str = "RGB") -> Array:
    """The pixels of a photo that every kind below holds."""
    return np.asarray(Image.open(photo("chelsea.png")).convert("RGB").resize((WIDTH, HEIGHT)).convert(mode))


def tags(meaning: int, bits: int, samples: int = 1, **others: Any) -> dict[int, Any]:
    named = {"form": 339, "planar": 284, "coding": 259, "predictor": 317, "extra": 338, "map": 320, "fill": 266}
    plain = {256: WIDTH, 257: HEIGHT, 258: [bits] * samples, 259: 1, 262: meaning, 277: samples, 278: HEIGHT}
    return plain | {named[name]: value for name, value in others.items()}


def page(samples: Array, meaning: int, bits: int, **others: Any) -> bytes:
    """A file of one strip, or of one for each plane if `planar` is 2."""
    count = 1 if samples.ndim == 2 else samples.shape[-1]
    order = others.pop("order", "<")
    planes = [samples[..., i] for i in range(count)] if others.get("planar") == 2 else [samples]
    whole = bits in (8, 16, 32, 64)
    strips = [
        (np.ascontiguousarray(one.astype(one.dtype.newbyteorder(order))).tobytes() if whole else packed(one, bits))
        for one in planes
    ]
    if others.get("coding") == 8:
        strips = [zlib.compress(one) for one in strips]
    return tiff_file(Page(tags(meaning, bits, count, **others), strips), order=order)


def wide(pixels: Array, bits: int) -> Array:
    """8-bit pixels as numbers of so many bits."""
    kind = f"u{max(1, 1 << (bits - 1).bit_length()) // 8 or 1}" if bits > 8 else "u1"
    return np.round(pixels / 255 * ((1 << bits) - 1)).astype(kind)


def signed(pixels: Array, bits: int) -> Array:
    return (wide(pixels, bits).astype(np.int64) - (1 << (bits - 1))).astype(f"i{bits // 8}")


def differences(samples: Array) -> Array:
    """What predictor 2 writes."""
    return np.diff(samples, axis=1, prepend=np.zeros_like(samples[:, :1]))


def floating_differences(samples: Array) -> Array:
    """What predictor 3 writes, for 32-bit samples: all highest bytes, then the next, and of each the difference."""
    rows = samples.astype(">f4").view(np.uint8).reshape(HEIGHT, -1, 4)
    planes = np.moveaxis(rows, 2, 1).reshape(HEIGHT, -1, samples.shape[2] if samples.ndim == 3 else 1)
    return differences(planes).reshape(HEIGHT, -1)


def reversed_bits(samples: Array) -> Array:
    return np.packbits(np.unpackbits(samples.view("u1"), bitorder="little")).view(samples.dtype).reshape(samples.shape)


def map_of(scale: int) -> list[int]:
    return [value * scale for _ in range(3) for value in range(256)]


def tiles(samples: Array) -> list[bytes]:
    """Tiles of 48 x 32 pixels, with noise where there is no picture."""
    down, across = -(-HEIGHT // 32), -(-WIDTH // 48)
    full = np.random.default_rng(1).integers(0, 255, (down * 32, across * 48, *samples.shape[2:])).astype(samples.dtype)
    full[:HEIGHT, :WIDTH] = samples
    return [full[32 * y : 32 * y + 32, 48 * x : 48 * x + 48].tobytes() for y in range(down) for x in range(across)]


def tiled(samples: Array, meaning: int, bits: int, **others: Any) -> bytes:
    count = 1 if samples.ndim == 2 else samples.shape[-1]
    one = {key: value for key, value in tags(meaning, bits, count, **others).items() if key != 278}
    return tiff_file(Page(one | {322: 48, 323: 32}, tiles(samples), tiled=True))


def with_alpha(pixels: Array) -> Array:
    alpha = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
    return np.dstack([pixels, alpha])


def premultiplied(pixels: Array) -> Array:
    both = with_alpha(pixels).astype(float)
    both[..., :-1] *= both[..., -1:] / 255
    return both


def on_white(pixels: Array) -> Array:
    both = with_alpha(pixels).astype(float)
    return np.asarray(both[..., :-1] * both[..., -1:] / 255 + 255 - both[..., -1:])


def ink(pixels: Array) -> Array:
    return np.dstack([255 - pixels, np.zeros((HEIGHT, WIDTH), np.uint8)])


def subsampled_ycbcr() -> bytes:
    """Uncompressed YCbCr with a quarter of the colours: four values of light for each pair of colours."""
    whole = np.asarray(Image.fromarray(cat()).resize((112, 76)).convert("YCbCr"))
    light = whole[..., 0].reshape(38, 2, 56, 2).transpose(0, 2, 1, 3).reshape(38, 56, 4)
    colours = whole[..., 1:].reshape(38, 2, 56, 2, 2).mean(axis=(1, 3)).round().astype(np.uint8)
    one = tags(YCBCR, 8, 3) | {256: 112, 257: 76, 278: 76, 530: [2, 2]}
    return tiff_file(Page(one, [np.concatenate([light, colours], axis=2).tobytes()]))


def floating_point_predictor() -> bytes:
    one = tags(RGB, 32, 3, coding=8, predictor=3, form=[FLOAT] * 3)
    return tiff_file(Page(one, [zlib.compress(floating_differences(cat() / 255).tobytes())]))


def unsigned(meaning: int, bits: int) -> bytes:
    return page(wide(cat("L" if meaning == GREY else "RGB"), bits), meaning, bits)


def floating(bits: int) -> bytes:
    return page((cat() / 255).astype(f"f{bits // 8}"), RGB, bits, form=[FLOAT] * 3)


SOUND: dict[str, tuple[Callable[[], bytes], str]] = {
    "16-bit planes": (lambda: page(wide(cat(), 16), RGB, 16, planar=2), "RGB"),
    "16-bit planes, big-endian": (lambda: page(wide(cat(), 16), RGB, 16, planar=2, order=">"), "RGB"),
    "16-bit planes, Deflate": (lambda: page(wide(cat(), 16), RGB, 16, planar=2, coding=8), "RGB"),
    "16-bit CMYK planes": (lambda: page(wide(ink(cat()), 16), CMYK, 16, planar=2), "RGB"),
    "8-bit planes": (lambda: page(cat(), RGB, 8, planar=2), "RGB"),
    "16-bit, white is 0": (lambda: page(65535 - wide(cat("L"), 16), WHITE_IS_0, 16), "L"),
    "16-bit, white is 0, big-endian": (lambda: page(65535 - wide(cat("L"), 16), WHITE_IS_0, 16, order=">"), "L"),
    "float, white is 0": (lambda: page((1 - cat("L") / 255).astype("f4"), WHITE_IS_0, 32, form=FLOAT), "L"),
    "uint32": (lambda: page(wide(cat("L"), 32), GREY, 32), "L"),
    "uint32 of 8 bits": (lambda: page(cat("L").astype("u4"), GREY, 32), "L"),
    "uint32 RGB, big-endian": (lambda: page(wide(cat(), 32), RGB, 32, order=">"), "RGB"),
    "uint64": (lambda: page(cat("L").astype("u8") * 0x0101010101010101, GREY, 64), "L"),
    "int8": (lambda: page(signed(cat("L"), 8), GREY, 8, form=SIGNED), "L"),
    "int8 RGB": (lambda: page(signed(cat(), 8), RGB, 8, form=[SIGNED] * 3), "RGB"),
    "uint8 that says int8": (lambda: page(cat("L"), GREY, 8, form=SIGNED), "L"),
    "int16": (lambda: page(signed(cat("L"), 16), GREY, 16, form=SIGNED), "L"),
    "int32": (lambda: page(signed(cat("L"), 32), GREY, 32, form=SIGNED), "L"),
    "palette of 8-bit entries": (lambda: page(cat("L"), PALETTE, 8, map=map_of(1)), "L"),
    "palette of 16-bit entries": (lambda: page(cat("L"), PALETTE, 8, map=map_of(257)), "L"),
    **{f"{bits}-bit RGB": (partial(unsigned, RGB, bits), "RGB") for bits in (10, 12, 14, 24)},
    **{f"{bits}-bit grey": (partial(unsigned, GREY, bits), "L") for bits in (10, 12, 14, 24)},
    "12-bit planes": (lambda: page(wide(cat(), 12), RGB, 12, planar=2), "RGB"),
    **{f"float{bits}": (partial(floating, bits), "RGB") for bits in (16, 32, 64)},
    "float of 0 to 255": (lambda: page(cat("L").astype("f4"), GREY, 32, form=FLOAT), "L"),
    "float of -1 to 1": (lambda: page((cat("L") / 127.5 - 1).astype("f4"), GREY, 32, form=FLOAT), "L stretched"),
    "float, predictor": (floating_point_predictor, "RGB"),
    "16-bit, predictor, planes": (
        lambda: page(differences(wide(cat(), 16)), RGB, 16, planar=2, coding=8, predictor=2),
        "RGB",
    ),
    "16-bit, predictor, white is 0": (
        lambda: page(differences(65535 - wide(cat("L"), 16)), WHITE_IS_0, 16, coding=8, predictor=2),
        "L",
    ),
    "16-bit tiles, white is 0": (lambda: tiled(65535 - wide(cat("L"), 16), WHITE_IS_0, 16), "L"),
    "float tiles": (lambda: tiled((cat() / 255).astype("f4"), RGB, 32, form=[FLOAT] * 3), "RGB"),
    "16-bit, lowest bit first": (lambda: page(reversed_bits(wide(cat(), 16)), RGB, 16, fill=2), "RGB"),
    "alpha": (lambda: page(wide(with_alpha(cat()), 16), RGB, 16, extra=2, planar=2), "RGB on white"),
    "premultiplied alpha": (lambda: page(wide(premultiplied(cat()), 16), RGB, 16, extra=1, planar=2), "RGB on white"),
    "16-bit grey with alpha": (lambda: page(wide(with_alpha(cat("L")), 16), GREY, 16, extra=2), "L on white"),
    "8-bit premultiplied planes": (
        lambda: page(premultiplied(cat()).round().astype("u1"), RGB, 8, extra=1, planar=2),
        "RGB on white",
    ),
    "unspecified samples": (lambda: page(wide(with_alpha(cat()), 16), RGB, 16, extra=0, planar=2), "RGB"),
    "without a photometric interpretation": (
        lambda: tiff_file(Page({k: v for k, v in tags(RGB, 8, 3).items() if k != 262}, [cat().tobytes()])),
        "RGB",
    ),
}


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
