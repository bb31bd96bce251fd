"""Files cut into very many parts are refused unread; honest ones are not."""

from __future__ import annotations

import random

import pytest
from PIL import Image

from classifier.errors import TooComplexError
from classifier.picture.decode import read
from classifier.picture.formats import TABLE, sniff
from tests.support.hostile import (
    BYTES,
    encode,
    in_jpeg,
    png,
    png_chunk,
    runs_bmp,
    seeds,
    sound,
    tiff,
)
from tests.support.photos import golden_photos

# Pillow's own words about odd metadata, which `decode` keeps out of the log.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def in_gif(part: bytes) -> bytes:
    """A GIF with something before its first frame."""
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + part + b",\0\0\0\0\1\0\1\0\0\2\2\x44\1\0;"


def scans(count: int) -> bytes:
    """A progressive JPEG of 64 million pixels whose last scan comes many times."""
    data = encode(Image.new("L", (8000, 8000), 90), "JPEG", progressive=True)
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
