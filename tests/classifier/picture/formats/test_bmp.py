"""BMP: pixels of any bit masks, of two bits, and OS/2's short headers; other kinds are refused by their name."""

from __future__ import annotations

import struct
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import BrokenImageError, CutOffError, UnsupportedKindError
from classifier.picture.decode import read
from tests.support.drawn import colours, difference
from tests.support.hostile import SECONDS, gradient

MASKS = {
    "ARGB4444": (16, (0xF00, 0xF0, 0xF, 0xF000)),
    "RGBA4444": (16, (0xF000, 0xF00, 0xF0, 0xF)),
    "ARGB1555": (16, (0x7C00, 0x3E0, 0x1F, 0x8000)),
    "RGB555": (16, (0x7C00, 0x3E0, 0x1F, 0)),
    "RGB565": (16, (0xF800, 0x7E0, 0x1F, 0)),
    "BGR565": (16, (0x1F, 0x7E0, 0xF800, 0)),
    "RGB444": (16, (0xF00, 0xF0, 0xF, 0)),
    "ARGB8888": (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
    "XBGR8888": (32, (0xFF, 0xFF00, 0xFF0000, 0)),
    "RGBA8888": (32, (0xFF000000, 0xFF0000, 0xFF00, 0xFF)),
    "A2RGB10": (32, (0x3FF00000, 0xFFC00, 0x3FF, 0xC0000000)),
    "RGB 11 11 10": (32, (0xFFE00000, 0x1FFC00, 0x3FF, 0)),
}
HEADERS = {"40": (40, 3), "40 and alpha": (40, 6), "52": (52, 3), "56": (56, 3), "108": (108, 3), "124": (124, 3)}


def file(bits: int, compression: int, pixels: bytes, size: int = 40, behind: bytes = b"", height: int = 48) -> bytes:
    """A picture of 64 x 48 pixels; `behind` is what follows the first 40 bytes of the header."""
    fields = struct.pack("<IiiHHIIiiII", size, 64, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    head = (fields + behind).ljust(size, b"\0")
    return b"BM" + struct.pack("<IHHI", 14 + len(head) + len(pixels), 0, 0, 14 + len(head)) + head + pixels


def packed(values: NDArray[np.uint8], bits: int, masks: tuple[int, ...]) -> bytes:
    """RGBA `(H, W, 4)` as pixels of these masks."""
    pixels = np.zeros(values.shape[:2], np.uint64)
    for channel, mask in enumerate(masks):
        if mask:
            most = mask >> (mask & -mask).bit_length() - 1
            pixels |= np.round(values[..., channel] / 255 * most).astype(np.uint64) * np.uint64(mask & -mask)
    return pixels.astype(f"<u{bits // 8}").tobytes()


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("height", [48, -48])
def test_pixels_of_any_masks(name: str, header: str, height: int) -> None:
    (bits, masks), (size, compression) = MASKS[name], HEADERS[header]
    has_alpha = bool(masks[3]) and header not in ("40", "52")
    image = gradient().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size) if has_alpha else 255)
    values = np.asarray(image)
    data = file(
        bits,
        compression,
        packed(values[::-1] if height > 0 else values, bits, masks),
        size,
        b"".join(struct.pack("<I", mask) for mask in masks)[: 16 if has_alpha or compression == 6 else 12],
        height,
    )
    depth = min(mask.bit_count() for mask in masks if mask)
    if has_alpha:
        alpha = np.round(values[..., 3:] / 255 * ((1 << masks[3].bit_count()) - 1)) / ((1 << masks[3].bit_count()) - 1)
        on_white = values[..., :3] * alpha + 255 * (1 - alpha)
    else:
        on_white = values[..., :3].astype(np.float64)
    found = np.asarray(read(data).image, np.float64)
    assert np.abs(found - on_white).mean() < max(1, 255 / (1 << max(depth, 4)) / 2)


def test_alpha_that_is_nothing_everywhere_was_left_out() -> None:
    image = colours().convert("RGBA")
    image.putalpha(0)
    data = file(
        16,
        3,
        packed(np.asarray(image)[::-1], 16, MASKS["ARGB4444"][1]),
        56,
        struct.pack("<4I", 0xF00, 0xF0, 0xF, 0xF000),
    )
    assert difference(read(data).image, colours()) < 5


def test_two_bits_per_pixel() -> None:
    shades = np.arange(48 * 64).reshape(48, 64) * 7 // 64 % 4
    rows = shades[::-1].reshape(48, 16, 4)
    pixels = (rows << np.array([6, 4, 2, 0])).sum(axis=-1).astype(np.uint8).tobytes()
    palette = bytes([0, 0, 200, 0, 0, 150, 0, 0, 100, 0, 0, 0, 255, 255, 255, 0])  # red, green, blue, white
    data = file(2, 0, palette + pixels)
    data = data[:10] + struct.pack("<I", 14 + 40 + 16) + data[14:]
    found = np.asarray(read(data).image)
    wanted = np.array([[200, 0, 0], [0, 150, 0], [0, 0, 100], [255, 255, 255]])[shades]
    assert np.array_equal(found, wanted)


def test_more_colours_than_there_can_be() -> None:
    grey = np.asarray(gradient().convert("L"))
    palette = b"".join(bytes([shade, shade, 255 - shade, 0]) for shade in range(256)) + bytes(4 * 44)
    data = bytearray(file(8, 0, palette + grey[::-1].tobytes()))
    data[10:14], data[46:50] = struct.pack("<I", 54 + 1200), struct.pack("<I", 300)
    found = np.asarray(read(bytes(data)).image)
    assert np.array_equal(found, np.stack([255 - grey, grey, grey], axis=-1))


def test_the_short_header_of_os2() -> None:
    pixels = np.asarray(colours())[::-1, :, ::-1].tobytes()
    head = struct.pack("<IiiHH", 16, 64, 48, 1, 24)
    data = b"BM" + struct.pack("<IHHI", 30 + len(pixels), 0, 0, 30) + head + pixels
    assert difference(read(data).image, colours()) == 0


@pytest.mark.parametrize(
    ("bits", "compression", "kind"),
    [
        (0, 4, "a JPEG inside"),
        (0, 5, "BMP with a PNG inside"),
        (1, 3, "BMP with Huffman coding"),
        (32, 11, "BMP in CMYK"),
        (64, 0, "64-bit BMP"),
    ],
)
def test_other_kinds_are_refused_by_their_name(bits: int, compression: int, kind: str) -> None:
    with pytest.raises(UnsupportedKindError, match=kind):
        read(file(bits, compression, bytes(64 * 48 * 8)))


@pytest.mark.parametrize("bits", [2, 16, 32])
def test_a_file_that_is_cut_off_is_damaged(bits: int) -> None:
    data = file(bits, 0 if bits == 2 else 3, bytes(64 * 48 * bits // 8), 56, struct.pack("<4I", 0xF, 0xF0, 0xF00, 0))
    for end in (20, 40, 56, 80):
        with pytest.raises(BrokenImageError):
            read(data[:end])
    with pytest.raises(CutOffError):
        read(data[: len(data) // 2])
    assert read(data[:-1]).notes[0].code == "cut_off"


def test_the_largest_file_takes_no_long_time() -> None:
    pixels = bytes(range(256)) * 77_000
    fields = struct.pack("<IiiHHIIiiII", 56, 256, len(pixels) // 512, 1, 16, 3, 0, 0, 0, 0, 0)
    head = fields + struct.pack("<4I", 0xF00, 0xF0, 0xF, 0xF000)
    begin = time.process_time()
    read(b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + len(head)) + head + pixels, at_least=(224, 224))
    assert time.process_time() - begin < SECONDS
