"""Headers that claim an enormous picture are refused, soon, and before memory is taken for it."""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from classifier.errors import TooManyPixelsError
from classifier.picture.decode import read
from tests.support.hostile import (
    Outcome,
    encode,
    outcomes,
    png,
    seeds,
    tiff,
)

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


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
    "AVIF": (8_200, 8_000),
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
