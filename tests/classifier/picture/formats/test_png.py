"""PNG's checksums: a wrong one matters only where the picture does."""

from __future__ import annotations

import struct
import time
import zlib

import pytest
from PIL import Image, ImageCms

from classifier.errors import BrokenImageError, ImageError
from classifier.picture.decode import read
from tests.support.drawn import colours, difference, pixel
from tests.support.hostile import SECONDS, encode, png, png_chunk

TURNED = Image.Exif()
TURNED[0x0112] = 6
ANCILLARY = {
    "tEXt": b"Comment\0a camera",
    "zTXt": b"Comment\0\0" + zlib.compress(b"a camera"),
    "iTXt": b"Comment\0\0\0\0\0a camera",
    "gAMA": struct.pack(">I", 100_000),
    "cHRM": struct.pack(">8I", *range(1, 9)),
    "sRGB": b"\0",
    "iCCP": b"profile\0\0" + zlib.compress(b"no profile"),
    "pHYs": struct.pack(">IIB", 2835, 2835, 1),
    "tIME": bytes(7),
    "eXIf": TURNED.tobytes().removeprefix(b"Exif\0\0"),
    "cICP": bytes([9, 16, 0, 1]),
    "acTL": struct.pack(">II", 3, 0),
    "fcTL": bytes(26),
    "vpAg": bytes(9),  # private ones
    "caBX": bytes(300),
}
WHOLE = encode(colours(), "PNG")


def wrong(chunk: bytes) -> bytes:
    """The chunk with another checksum."""
    return chunk[:-1] + bytes([chunk[-1] ^ 0x55])


def with_chunk(chunk: bytes, data: bytes = WHOLE, before: bytes = b"IDAT") -> bytes:
    place = data.index(before) - 4
    return data[:place] + chunk + data[place:]


@pytest.mark.parametrize("before", [b"IDAT", b"IEND"])
@pytest.mark.parametrize("name", ANCILLARY)
def test_an_ancillary_chunk_with_a_wrong_checksum_is_left_out(name: str, before: bytes) -> None:
    found = read(with_chunk(wrong(png_chunk(name.encode(), ANCILLARY[name])), before=before))
    assert (found.width, found.height) == (64, 48)  # also where the chunk says that it is turned
    assert difference(found.image, colours()) == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("gAMA", b"\0"),
        ("gAMA", bytes([0, 1, 2, 3, 4])),
        ("cHRM", bytes(31)),
        ("sRGB", b""),
        ("pHYs", bytes(4)),
        ("tRNS", bytes(5)),
        ("iCCP", b"no end" * 20),
        ("iCCP", b"name\0\1" + zlib.compress(b"method 1")),
        ("iCCP", b"name\0\0" + zlib.compress(bytes(9 << 20))),
        ("zTXt", b"Comment\0\1" + zlib.compress(b"method 1")),
        ("zTXt", b"Comment\0\0" + zlib.compress(bytes(9 << 20))),
        ("iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(9 << 20))),
        ("acTL", bytes(3)),
        ("fcTL", bytes(3)),
        ("fcTL", struct.pack(">I", 7) + bytes(22)),  # a picture of an animation that begins with the eighth
        ("fdAT", struct.pack(">I", 0) + bytes(9)),
    ],
    ids=lambda value: value if isinstance(value, str) else str(len(value)),
)
def test_an_ancillary_chunk_of_a_wrong_form_is_left_out(name: str, content: bytes) -> None:
    found = read(with_chunk(png_chunk(name.encode(), content)))
    assert difference(found.image, colours()) == 0


def test_a_profile_as_large_as_those_of_printers_counts() -> None:
    plain = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # Red and green are exchanged by their primaries' names; what else is in a profile, nobody reads.
    swapped = plain.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")
    large = struct.pack(">I", 3_000_000) + swapped[4:] + bytes(3_000_000 - len(swapped))
    chunk = png_chunk(b"iCCP", b"name\0\0" + zlib.compress(large))
    red = encode(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG")
    assert pixel(read(with_chunk(chunk, red)).image, (4, 4))[1] > 250


@pytest.mark.parametrize("name", ["eXIf"])
def test_one_with_a_right_checksum_counts(name: str) -> None:
    assert read(with_chunk(png_chunk(name.encode(), ANCILLARY[name]))).width == 48


def test_several_of_them() -> None:
    data = WHOLE
    for name, content in ANCILLARY.items():
        data = with_chunk(wrong(png_chunk(name.encode(), content)), data)
    assert difference(read(data).image, colours()) == 0


def test_transparency_with_a_wrong_checksum_is_left_out() -> None:
    red = encode(Image.new("P", (30, 30), 0), "PNG")
    clear = png_chunk(b"tRNS", b"\0")
    assert read(with_chunk(clear, red)).image.getpixel((5, 5)) == (255, 255, 255)
    assert read(with_chunk(wrong(clear), red)).image.getpixel((5, 5)) == (0, 0, 0)


def test_an_animation_whose_later_frames_are_wrong_is_its_first_picture() -> None:
    first, second = Image.new("RGB", (30, 30), "red"), Image.new("RGB", (30, 30), "blue")
    data = encode(first, "PNG", save_all=True, append_images=[second])
    for name in (b"fcTL", b"fdAT"):
        place = data.rindex(name)
        end = place + 8 + int.from_bytes(data[place - 4 : place], "big")
        image = read(data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:]).image
        assert pixel(image, (15, 15)) == (255, 0, 0)


@pytest.mark.parametrize("name", [b"IHDR", b"PLTE"])
def test_a_chunk_that_the_picture_needs_is_held_to_its_checksum(name: bytes) -> None:
    data = encode(colours().quantize(16), "PNG")
    place = data.index(name)
    end = place + 8 + int.from_bytes(data[place - 4 : place], "big")
    with pytest.raises(BrokenImageError):
        read(data[: end - 1] + bytes([data[end - 1] ^ 1]) + data[end:])


def in_pieces(content: bytes, size: int) -> bytes:
    """The picture's chunks, of so many bytes each, with wrong checksums."""
    return b"".join(wrong(png_chunk(b"IDAT", content[at : at + size])) for at in range(0, len(content), size))


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_pixels_are_held_to_their_own_checksum_and_not_to_that_of_their_chunks(size: int) -> None:
    place = WHOLE.index(b"IDAT")
    end = place + 8 + int.from_bytes(WHOLE[place - 4 : place], "big")
    content = WHOLE[place + 4 : end - 4]
    start, rest = WHOLE[: place - 4], WHOLE[end:]
    assert difference(read(start + in_pieces(content, size) + rest).image, colours()) == 0
    for at in range(20, len(content), len(content) // 20):
        flipped = content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :]
        with pytest.raises(BrokenImageError):
            read(start + in_pieces(flipped, size) + rest)


@pytest.mark.parametrize("short", [1, 4, 8, 11, 12, 13, 16])
def test_a_file_that_lacks_no_pixels_needs_no_end(short: int) -> None:
    assert difference(read(WHOLE[:-short]).image, colours()) == 0


def test_pixels_without_end_and_checksum_are_not_believed() -> None:
    place = WHOLE.index(b"IDAT")
    end = place + 8 + int.from_bytes(WHOLE[place - 4 : place], "big")
    content = WHOLE[place + 4 : end - 4]
    with pytest.raises(BrokenImageError):
        read(WHOLE[: place - 4] + wrong(png_chunk(b"IDAT", content[:-6])) + WHOLE[end:])


@pytest.mark.parametrize("size", [(8, 8), (7000, 7000), (60_000, 60_000)])
def test_pixels_that_never_end_take_no_long_time(size: tuple[int, int]) -> None:
    packer = zlib.compressobj()
    start = packer.compress(b"") + packer.flush(zlib.Z_FULL_FLUSH)
    content = start + (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)) * 4000
    begin = time.process_time()
    with pytest.raises(ImageError):
        read(png(*size, wrong(png_chunk(b"IDAT", content))))
    assert time.process_time() - begin < SECONDS


def test_no_header_is_no_picture() -> None:
    for content in (b"", b"x", WHOLE):
        with pytest.raises(BrokenImageError):
            read(WHOLE[:8] + wrong(png_chunk(b"IDAT", content)))


def test_many_wrong_chunks_take_no_long_time() -> None:
    chunk = wrong(png_chunk(b"fcTL", bytes(26)))
    data = with_chunk(chunk * 19_000)
    begin = time.process_time()
    assert difference(read(data).image, colours()) == 0
    assert time.process_time() - begin < SECONDS


def test_a_large_file_is_not_copied_without_need() -> None:
    from classifier.picture.formats.png import PNG

    data = with_chunk(png_chunk(b"caBX", bytes(1_000_000)))
    assert PNG.shown(data).data is data
    assert PNG.shown(with_chunk(wrong(png_chunk(b"caBX", bytes(1_000_000))))).data == WHOLE
