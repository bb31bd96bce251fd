"""WebP: chunks in a RIFF file (RFC 9649, section 2.5 and following)."""

from __future__ import annotations

import random
from typing import NamedTuple

from classifier.picture.formats.base import CutOff, Format, Size, There

_CHUNKS = 100  # before the picture; there are three at most
_PICTURES = {b"VP8 ": 16, b"VP8L": 4}  # with the rows that are decoded at a time, or are looked at together
_BEHIND = 0x0C  # flags of what comes behind the picture: EXIF and XMP
_ZEROS = 256  # bytes at the end of a picture that no coder writes: what a download has not filled yet
_MORE = 1 << 16  # bytes beyond those that are missing: where there are others, a decoder may take more
_MOST_COMPARED = 30_000_000  # pixels; it takes two seconds
_FACTOR = 4
_NOISE = random.Random(0).randbytes(16)  # noqa: S311  (any bytes do; more are taken for pixels that cannot be)


def _matches(data: bytes) -> bool:
    return data.startswith(b"RIFF") and data[8:12] == b"WEBP"


def _header_size(data: bytes) -> Size:
    """Width and height from the first chunk; (0, 0) if it does not have them."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        return 0, 0
    if chunk == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    return 0, 0


class _Chunk(NamedTuple):
    name: bytes
    start: int
    end: int


def _last_chunk(data: bytes) -> _Chunk | None:
    """The chunk of the picture, or the one before it in which the file ends; None for an animation."""
    position = 12
    for _ in range(_CHUNKS):
        name, size = data[position : position + 4], int.from_bytes(data[position + 4 : position + 8], "little")
        start = position + 8
        if name in (b"ANIM", b"ANMF") or start > len(data):
            return None
        if name in _PICTURES or start + size > len(data):
            return _Chunk(name, start, start + size)
        position = start + size + size % 2
    return None


def _cut_off(data: bytes) -> CutOff | None:
    """Two ways to fill what is missing of the only picture, whose rows come in order."""
    chunk = _last_chunk(data)
    if not chunk or chunk.name not in _PICTURES:
        return None
    end = min(chunk.end, len(data))
    if data.endswith(bytes(_ZEROS), chunk.start, end):
        end = chunk.start + len(data[chunk.start : end].rstrip(b"\0"))
    have = end - chunk.start
    missing = min(chunk.end - end, have)  # a chunk may claim any length
    if missing == 0 and int.from_bytes(data[4:8], "little") + 8 <= len(data):
        return None
    size = _header_size(data)
    if missing == 0:  # only what comes behind the picture may be missing
        picture = _file(data[12 : chunk.start - 8], chunk.name, data[chunk.start : end])
        return CutOff(picture, doubtful=True, there=There(size[1], size, 1.0))
    if size[0] * size[1] > _MOST_COMPARED or have < _before_pixels(chunk.name, data[chunk.start : end]):
        return CutOff(b"", there=There(0, size, 0.0))
    count = 2 * missing + _MORE
    ended, continued = (
        _file(data[12 : chunk.start - 8], chunk.name, data[chunk.start : end] + rest)
        for rest in (bytes(count), _NOISE + bytes(count))
    )
    return CutOff(ended, continued, _PICTURES[chunk.name], _FACTOR, doubtful=True)


def _before_pixels(name: bytes, picture: bytes) -> int:
    """Bytes at the beginning of a picture without which no pixel can be told, however the rest is filled.

    In VP8 that is the frame's header and its first partition, which says how each block is predicted (RFC 6386, 9.1).
    """
    return 10 + (int.from_bytes(picture[:3], "little") >> 5) if name == b"VP8 " else 0


def _file(before: bytes, name: bytes, picture: bytes) -> bytes:
    """A file of a picture, the chunks before it and no others."""
    if before.startswith(b"VP8X"):
        before = before[:8] + bytes([before[8] & ~_BEHIND]) + before[9:]
    picture += bytes(len(picture) % 2)
    chunks = before + name + len(picture).to_bytes(4, "little") + picture
    return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks


WEBP = Format(
    name="WEBP",
    endings=(".webp",),
    matches=_matches,
    cut_off=_cut_off,
    is_animated=lambda image, data: bool(getattr(image, "is_animated", False)),
    plugin="PIL.WebPImagePlugin",
    header_size=_header_size,  # libwebp takes memory for the whole picture as soon as it opens a file
    bytes_per_pixel=16.5,  # measured at 64 million pixels: up to 16.4
    feature="webp",
)
