"""PNG: a list of chunks (https://www.w3.org/TR/png-3/#5DataRep)."""

from __future__ import annotations

from classifier.picture.formats.base import Format, starts_with

_CHUNKS = 20_000  # 20 MB are 2,400 chunks of 8 kB, as libpng writes them


def _too_many_parts(data: bytes) -> bool:
    position = 8
    for _ in range(_CHUNKS):
        if position + 8 > len(data) or data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True


PNG = Format(
    name="PNG",
    endings=(".png", ".apng"),
    matches=starts_with(b"\x89PNG\r\n\x1a\n"),
    plugin="PIL.PngImagePlugin",
    too_many_parts=_too_many_parts,
)
