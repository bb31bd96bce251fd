"""BMP: rows of pixels, or run lengths of them (BITMAPINFOHEADER, compression 1 and 2)."""

from __future__ import annotations

from classifier.picture.formats.base import Format, starts_with

_RUNS_BYTES, _RUNS_PIXELS = 2_000_000, 4_000_000  # of a run-length encoded file; Pillow decodes runs one by one


def _too_many_parts(data: bytes) -> bool:
    header = int.from_bytes(data[14:18], "little")
    if header < 40 or int.from_bytes(data[30:34], "little") not in (1, 2):
        return False
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return len(data) > _RUNS_BYTES or abs(width * height) > _RUNS_PIXELS


BMP = Format(
    name="BMP",
    endings=(".bmp", ".dib"),
    matches=starts_with(b"BM"),
    plugin="PIL.BmpImagePlugin",
    too_many_parts=_too_many_parts,
)
