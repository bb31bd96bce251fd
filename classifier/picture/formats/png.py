"""PNG: a list of chunks (https://www.w3.org/TR/png-3/#5DataRep)."""

from __future__ import annotations

from classifier.picture.formats.base import Cicp, Format, Shown, starts_with

_UNIT = 10_000  # of light, per nit
_CHUNKS = 20_000  # 20 MB are 2,400 chunks of 8 kB, as libpng writes them


def _too_many_parts(data: bytes) -> bool:
    position = 8
    for _ in range(_CHUNKS):
        if position + 8 > len(data) or data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True


def _shown(data: bytes) -> Shown:
    """The colours that a chunk cICP gives, and the brightest pixel after cLLI or else mDCV."""
    chunks: dict[bytes, bytes] = {}
    position = 8
    for _ in range(_CHUNKS):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        if kind in (b"PLTE", b"IDAT", b"IEND", b""):
            break
        if kind in (b"cICP", b"cLLI", b"mDCV"):
            chunks.setdefault(kind, data[position + 8 : position + 8 + min(length, 24)])
        position += 12 + length
    points = chunks.get(b"cICP", b"")
    if (
        len(points) < 4 or points[2:4] != b"\0\1"
    ):  # RGB in full range; all else is not allowed, or not known to browsers
        return Shown(data)
    peak = int.from_bytes(chunks.get(b"cLLI", b"")[:4], "big") or int.from_bytes(chunks.get(b"mDCV", b"")[16:20], "big")
    return Shown(data, cicp=Cicp(points[0], points[1], peak / _UNIT or None))


PNG = Format(
    name="PNG",
    endings=(".png",),
    matches=starts_with(b"\x89PNG\r\n\x1a\n"),
    plugin="PIL.PngImagePlugin",
    too_many_parts=_too_many_parts,
    shown=_shown,
)
