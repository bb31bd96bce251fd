"""WebP: chunks in a RIFF file (RFC 9649, section 2.5 and following)."""

from __future__ import annotations

from classifier.picture.formats.base import Format, Size


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


WEBP = Format(
    name="WEBP",
    endings=(".webp",),
    matches=_matches,
    is_animated=lambda image, data: bool(getattr(image, "is_animated", False)),
    plugin="PIL.WebPImagePlugin",
    header_size=_header_size,  # libwebp takes memory for the whole picture as soon as it opens a file
    bytes_per_pixel=16.5,  # measured at 64 million pixels: up to 16.4
    feature="webp",
)
