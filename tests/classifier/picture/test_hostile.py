"""Files made to hurt: each is a picture within the limits or one clear error, soon and in bounded memory."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from functools import cache

import pytest
from PIL import Image

from classifier.errors import ImageError, TooComplexError, TooManyPixelsError, UnsupportedFormatError
from classifier.picture.decode import read
from classifier.picture.formats import FORMATS, TABLE, sniff
from tests.support.hostile import (
    SECONDS,
    Outcome,
    encode,
    gradient,
    outcomes,
    png,
    png_chunk,
    runs_bmp,
    seeds,
    tiff,
)
from tests.support.photos import golden_photos

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

BYTES = 19_900_000  # just under the limit


def sound(data: bytes) -> bool:
    """Whether a file is a picture; fails when it is neither that nor an `ImageError`."""
    try:
        picture = read(data)
    except ImageError:
        return False
    assert picture.image.mode == "RGB"
    assert picture.width * picture.height <= 50_000_000
    return True


def test_there_is_a_seed_of_each_format() -> None:
    assert {read(data).format for data in seeds().values()} == set(FORMATS)


@pytest.mark.parametrize("name", seeds())
def test_a_file_cut_off_anywhere_is_a_picture_or_an_error(name: str) -> None:
    data = seeds()[name]
    lengths = sorted({*range(0, min(len(data), 64), 4), *(len(data) * part // 40 for part in range(40))})
    read_anyway = [sound(data[:length]) for length in lengths]
    assert not all(read_anyway)


@pytest.mark.parametrize("name", seeds())
def test_a_flipped_bit_leaves_a_picture_or_an_error(name: str) -> None:
    chance = random.Random(name)
    data = seeds()[name]
    for place in [*range(40), *(chance.randrange(len(data)) for _ in range(40))]:
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        sound(bytes(flipped))


def lying(name: str, width: int, height: int) -> bytes:
    """A small file whose header claims a size."""
    data = bytearray(seeds()[name])
    kind = name.split()[0]
    if kind == "PNG":
        return png(width, height)
    if kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "TIFF":
        return tiff({256: (4, 1, width), 257: (4, 1, height), 273: (4, 1, 200), 279: (4, 1, 64)}, 300)
    elif kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    elif name == "WEBP lossless":
        # 14 bits each: https://developers.google.com/speed/webp/docs/webp_lossless_bitstream_specification
        start = data.index(b"VP8L") + 9
        data[start : start + 4] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    elif name == "WEBP animated":
        data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == "WEBP":
        start = data.index(b"\x9d\x01\x2a") + 3
        data[start : start + 4] = struct.pack("<HH", width, height)
    else:
        while (start := data.find(b"ispe")) >= 0:  # a box of the version and the two sizes
            data[start : start + 16] = b"ISPE" + bytes(4) + struct.pack(">II", width, height)
        data = bytearray(data.replace(b"ISPE", b"ispe"))
    return bytes(data)


LYING = {
    "PNG": (60_000, 60_000),
    "GIF": (65_535, 65_535),
    "BMP": (60_000, 60_000),
    "TIFF": (60_000, 60_000),
    "JPEG": (65_500, 65_500),
    "WEBP animated": (12_000, 12_000),
    "AVIF": (8_000, 8_000),
}
# These never tell us their size: libwebp and libheif find out first that header and picture differ, or refuse it.
CONTRADICTING = {
    "WEBP": (16_383, 16_383),
    "WEBP lossless": (16_384, 16_384),
    "AVIF": (60_000, 60_000),
    "HEIC": (60_000, 60_000),
}


TILES = {324: (4, 1, 1_000), 325: (4, 1, 1_000)}


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    files = {f"lying {name}": lying(name, *size) for name, size in LYING.items()}
    files |= {f"contradicting {name}": lying(name, *size) for name, size in CONTRADICTING.items()}
    files["tile"] = tiff({259: (4, 1, 8), 322: (4, 1, 40_000), 323: (4, 1, 40_000), **TILES}, 2_000)
    files["column"] = encode(Image.new("1", (1, 40_000_000)), "PNG")
    files["row"] = encode(Image.new("1", (40_000_000, 1)), "PNG")
    return outcomes(tmp_path_factory.mktemp("refused"), files)


@pytest.mark.parametrize("name", [*(f"lying {name}" for name in LYING), "tile", "column", "row"])
def test_a_claim_to_be_enormous_is_refused_before_memory_is_taken(refused: dict[str, Outcome], name: str) -> None:
    outcome = refused[name]
    assert outcome.code == "too_many_pixels"
    assert outcome.seconds < 1
    assert outcome.grown < 50


@pytest.mark.parametrize("name", CONTRADICTING)
def test_a_size_that_contradicts_the_picture_costs_nothing_either(refused: dict[str, Outcome], name: str) -> None:
    outcome = refused[f"contradicting {name}"]
    assert outcome.code in ("broken_image", "too_many_pixels")
    assert outcome.seconds < 1
    assert outcome.grown < 50


def test_a_gif_frame_that_leaves_its_screen_is_refused() -> None:
    frame = b"," + struct.pack("<HHHH", 60_000, 60_000, 8, 8) + b"\0\2\1\x44\0;"
    with pytest.raises(TooManyPixelsError):
        read(b"GIF89a" + struct.pack("<HH", 8, 8) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff" + frame)


def in_jpeg(part: bytes) -> bytes:
    """A JPEG with something after its first marker."""
    data = seeds()["JPEG"]
    return data[:2] + part + data[2:]


def in_gif(part: bytes) -> bytes:
    """A GIF with something before its first frame."""
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + part + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"


def scans(count: int) -> bytes:
    """A progressive JPEG of 49 million pixels whose last scan comes many times."""
    data = encode(Image.new("L", (7000, 7000), 90), "JPEG", progressive=True)
    last, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:last] + data[last:end] * count + data[end:]


RESOURCES = (b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_500)[:65_533]
FINE = {
    "PNG chunks": lambda: png(extra=png_chunk(b"abCd", b"") * (BYTES // 12)),
    "PNG chunks of pixels": lambda: png(end=png_chunk(b"IDAT", b"") * (BYTES // 12)),
    "JPEG padding": lambda: in_jpeg(b"\xff" * BYTES),
    "JPEG junk": lambda: in_jpeg(b"\xff\xfe\0\2" + bytes(BYTES)),
    "JPEG comments": lambda: in_jpeg(b"\xff\xfe\0\2" * (BYTES // 4)),
    "JPEG EXIF in pieces": lambda: in_jpeg(b"\xff\xe1\0\x10Exif\0\0abcdefgh" * (BYTES // 18)),
    "JPEG resources": lambda: in_jpeg((b"\xff\xed\xff\xff" + RESOURCES) * 300),
    "JPEG scans": lambda: scans(2_000),
    "GIF comments": lambda: in_gif(b"!\xfe\1a\0" * (BYTES // 5)),
    "GIF junk": lambda: in_gif(b"\0" * BYTES),
    "BMP 8-bit runs": lambda: runs_bmp(7000, 7000, b"\1\7" * 9_000_000),
    "BMP 4-bit runs": lambda: runs_bmp(7000, 7000, b"\xff\7" * 500_000, bits=4),
    "TIFF strips": lambda: tiff({257: (4, 1, 60_000), 273: (4, 2_000_000, 300), 279: (4, 2_000_000, 300)}, BYTES),
}


@pytest.mark.parametrize("name", FINE)
def test_a_file_cut_into_very_many_parts_is_refused_unread(name: str) -> None:
    data = FINE[name]()
    assert TABLE[name.split()[0]].too_many_parts(data)
    with pytest.raises(TooComplexError, match="so many parts"):
        read(data)


def test_honest_files_do_not_have_too_many_parts() -> None:
    files = [*seeds().values(), *(one.path.read_bytes() for one in golden_photos())]
    kinds = [sniff(data) for data in files]
    assert all(kind and not kind.too_many_parts(data) for kind, data in zip(kinds, files, strict=True))


def test_a_long_but_honest_png_is_read() -> None:
    noise = random.Random(1).randbytes(1200 * 1200 * 3)
    data = encode(Image.frombytes("RGB", (1200, 1200), noise), "PNG")
    assert sound(data)


def archive() -> bytes:
    """A ZIP file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("page.html", "<script>alert(1)</script>")
    return stream.getvalue()


PAGE = b"<html><script>alert(1)</script></html>"


@pytest.mark.parametrize("tail", [archive(), PAGE, b"\0" * 5_000_000, b"GIF89a"], ids=["zip", "page", "zeros", "gif"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_with_something_behind_it_is_that_picture(name: str, tail: bytes) -> None:
    alone, both = read(seeds()[name]), read(seeds()[name] + tail)
    assert (both.format, both.image) == (alone.format, alone.image)


@pytest.mark.parametrize("front", [archive(), PAGE, b"%PDF-1.7\n", b"\n", b"#!/bin/sh\n"])
@pytest.mark.parametrize("name", FORMATS)
def test_a_picture_behind_something_else_is_none(name: str, front: bytes) -> None:
    with pytest.raises(UnsupportedFormatError):
        read(front + seeds()[name])


@pytest.mark.parametrize("inner", FORMATS)
@pytest.mark.parametrize("outer", FORMATS)
def test_only_the_decoder_of_the_first_format_sees_a_file_of_two(
    outer: str, inner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []
    pillows = Image.open

    def watched(file: io.BytesIO, formats: list[str]) -> Image.Image:
        asked.append(tuple(formats))
        return pillows(file, formats=formats)

    monkeypatch.setattr(Image, "open", watched)
    sound(seeds()[outer][:16] + seeds()[inner])
    sound(seeds()[outer][: len(seeds()[outer]) // 2] + seeds()[inner])
    sound(seeds()[outer] + seeds()[inner])
    assert asked
    assert len(set(asked)) == 1
    assert all(len(formats) == 1 for formats in asked)


LENGTHS = (b"\0\0\0\0", b"\0\0\0\1", b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"\xff\xff\xff\xff", b"\xff\0\0\0")


@pytest.mark.parametrize("name", seeds())
def test_whatever_length_stands_anywhere_leaves_a_picture_or_an_error(name: str) -> None:
    data = seeds()[name]
    # Everywhere in the headers, where the lengths and counts of chunks, boxes, segments, strips and tags are, and
    # around every name of a box or chunk behind them.
    places = {*range(0, min(len(data) - 4, 200), 2)}
    for found in re.finditer(rb"[A-Za-z]{4}", data[: 1 << 16]):
        places |= {found.start() - 4, found.end()}
    for place in sorted(one for one in places if 0 <= one <= len(data) - 4)[:250]:
        for length in LENGTHS:
            sound(data[:place] + length + data[place + 4 :])


@cache
def bomb() -> bytes:
    """Valid for zlib, and a thousand times smaller than what it holds."""
    return zlib.compress(bytes(300_000_000), 9)


HEAVY = {
    "PNG iTXt": lambda: png(extra=png_chunk(b"iTXt", b"k\0\0\0\0\0" + b"x" * (BYTES - 200))),
    "PNG zTXt bomb": lambda: png(extra=png_chunk(b"zTXt", b"k\0\0" + bomb())),
    "PNG zTXt bombs": lambda: png(
        extra=b"".join(
            png_chunk(b"zTXt", b"%d\0\0" % index + zlib.compress(bytes(1_000_000), 9)) for index in range(100)
        )
    ),
    "PNG iCCP bomb": lambda: png(extra=png_chunk(b"iCCP", b"k\0\0" + bomb())),
    "PNG EXIF": lambda: png(extra=png_chunk(b"eXIf", exif_bomb())),
    "PNG pixels bomb": lambda: png(end=png_chunk(b"IDAT", bomb())),
    "JPEG ICC": lambda: encode(gradient(), "JPEG", icc_profile=bytes(15_000_000)),
    "JPEG EXIF": lambda: in_jpeg((b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)) * 300),
    "WEBP XMP": lambda: encode(gradient(), "WEBP", xmp=b"x" * 15_000_000),
    "AVIF XMP": lambda: encode(gradient(), "AVIF", xmp=b"x" * 15_000_000),
    "TIFF tags": lambda: tiff(dict.fromkeys(range(1_000, 1_500), (7, 19_000_000, 20_000)), BYTES),
    "GIF frames": lambda: frames("GIF"),
    "PNG frames": lambda: frames("PNG"),
    "WEBP frames": lambda: frames("WEBP"),
}


def exif_bomb() -> bytes:
    """EXIF whose tags all point at the same 18 MB."""
    return tiff(dict.fromkeys(range(1_000, 1_500), (7, 18_000_000, 20_000)), BYTES - 200)


def frames(kind: str) -> bytes:
    """3,000 frames of which only the first is wanted."""
    pictures = [Image.new("RGB", (16, 16), (index % 256, index // 256, 0)) for index in range(3_000)]
    return encode(pictures[0], kind, save_all=True, append_images=pictures[1:])


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    return outcomes(tmp_path_factory.mktemp("heavy"), {name: make() for name, make in HEAVY.items()})


@pytest.mark.parametrize("name", HEAVY)
def test_metadata_and_frames_cost_little_time_and_memory(heavy: dict[str, Outcome], name: str) -> None:
    outcome = heavy[name]
    assert outcome.seconds < SECONDS
    assert outcome.grown < 300
    if name.endswith("frames"):
        assert outcome.code == "answer"


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
