"""What tests against hostile files share: small files of each format, builders of odd ones, and a measuring child."""

from __future__ import annotations

import functools
import io
import json
import os
import resource
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from classifier.errors import ImageError
from classifier.picture.decode import read
from tests.support.photos import ROOT

SECONDS = 5.0
"""CPU time that one file may take at most, also on a busy machine; the worst known takes half of it on two cores."""

BYTES = 19_900_000
"""Just under the limit of a file."""


def encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """A picture that is not one colour, so that every part of a decoder has work."""
    grey = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (grey, grey.rotate(180), grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT)))


@functools.cache
def seeds() -> Mapping[str, bytes]:
    """Small sound files of each format and of the variants that take another way through a decoder."""
    image = gradient()
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = [image.rotate(90 * turn) for turn in range(3)]
    animated: dict[str, Any] = {"save_all": True, "append_images": frames[1:]}
    return {
        "JPEG": encode(image, "JPEG", exif=exif),
        "JPEG progressive": encode(image.convert("CMYK"), "JPEG", progressive=True),
        "PNG": encode(image.convert("RGBA"), "PNG", exif=exif),
        "PNG palette": encode(image.quantize(16), "PNG", transparency=b"\0\x80\xff"),
        "PNG animated": encode(frames[0], "PNG", **animated),
        "WEBP": encode(image, "WEBP", exif=exif),
        "WEBP lossless": encode(image.convert("RGBA"), "WEBP", lossless=True),
        "WEBP animated": encode(frames[0], "WEBP", **animated),
        "GIF": encode(image, "GIF", comment=b"a comment"),
        "GIF animated": encode(frames[0], "GIF", **animated),
        "BMP": encode(image, "BMP"),
        "BMP runs": runs_bmp(64, 48, b"\x40\3\0\0" * 48),
        "TIFF": encode(image, "TIFF", exif=exif),
        "TIFF deflate": encode(image, "TIFF", compression="tiff_adobe_deflate"),
        "TIFF JPEG": encode(image, "TIFF", compression="jpeg"),
        "AVIF": encode(image, "AVIF", exif=exif),
        "HEIC": (ROOT / "tests/files/panda_turned.heic").read_bytes(),
    }


def png_chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk with a right checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int = 8, height: int = 8, extra: bytes = b"", end: bytes = b"") -> bytes:
    """A black RGB picture of 8 x 8 pixels that claims another size, with chunks before and after the pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + extra + pixels + end + png_chunk(b"IEND", b"")


def runs_bmp(width: int, height: int, runs: bytes, bits: int = 8) -> bytes:
    """A picture of run lengths."""
    palette = bytes(4 << bits)
    start = 54 + len(palette)
    sizes = (40, width, height, 1, bits, 1 if bits == 8 else 2, len(runs), 0, 0, 1 << bits, 0)
    head = b"BM" + struct.pack("<IHHI", start + len(runs), 0, 0, start)
    return head + struct.pack("<IiiHHIIiiII", *sizes) + palette + runs


def tiff(tags: Mapping[int, tuple[int, int, int]], size: int) -> bytes:
    """A grey picture of 8 x 8 pixels with these (type, count, value) by tag besides, filled up to a size."""
    plain = {256: 8, 257: 8, 258: 8, 259: 1, 262: 1, 277: 1}
    every = {**{tag: (4, 1, value) for tag, value in plain.items()}, **tags}
    entries = b"".join(struct.pack("<HHII", tag, *every[tag]) for tag in sorted(every))
    return (b"II*\0" + struct.pack("<IH", 8, len(every)) + entries + bytes(4)).ljust(size, b"\0")


def in_jpeg(part: bytes) -> bytes:
    """A JPEG with something after its first marker."""
    data = seeds()["JPEG"]
    return data[:2] + part + data[2:]


def sound(data: bytes) -> bool:
    """Whether a file is a picture; fails when it is neither that nor an `ImageError`."""
    try:
        picture = read(data)
    except ImageError:
        return False
    assert picture.image.mode == "RGB"
    assert picture.width * picture.height <= 64_000_000
    return True


def peak() -> float:
    """The most memory that this process ever had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux hands getrusage's figure down from the parent
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # macOS counts bytes


class Outcome(NamedTuple):
    """What became of a file in the child: `answer` or the error's code, CPU seconds, MB by which the peak rose."""

    code: str
    seconds: float
    grown: float


_CHILD = """
import json, sys, time
from pathlib import Path
from classifier.picture import decode
from classifier.errors import ImageError
from tests.support.hostile import peak

for file in sorted(Path(sys.argv[1]).iterdir()):
    data = file.read_bytes()
    before, start = peak(), time.process_time()  # whatever else the machine does
    try:
        decode.read(data, at_least=(224, 224))
        code = "answer"
    except ImageError as error:
        code = error.code
    print(json.dumps([file.name, code, time.process_time() - start, peak() - before]), flush=True)
"""


def outcomes(folder: Path, files: Mapping[str, bytes]) -> dict[str, Outcome]:
    """Reads files in a child process, whose memory is nobody else's; one that dies ends the list."""
    for name, data in files.items():
        (folder / name).write_bytes(data)
    command = [sys.executable, "-c", _CHILD, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    found = {name: Outcome(*rest) for name, *rest in map(json.loads, child.stdout.splitlines())}
    assert child.returncode == 0, f"{sorted(files.keys() - found.keys())[:1]}: {child.stderr[-2000:]}"
    return found
