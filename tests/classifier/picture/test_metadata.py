"""Metadata, frames and compressed bombs that nobody asked for cost little time and memory."""

from __future__ import annotations

import zlib
from functools import cache

import pytest
from PIL import Image

from tests.support.hostile import (
    BYTES,
    SECONDS,
    Outcome,
    encode,
    gradient,
    in_jpeg,
    outcomes,
    png,
    png_chunk,
    tiff,
)

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


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
