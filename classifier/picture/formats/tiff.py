"""TIFF: a directory of tags that point at strips or tiles (TIFF 6.0, section 2).

BigTIFF has the same structure with wider fields: https://www.awaresystems.be/imaging/tiff/bigtiff.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from classifier.picture.formats.base import Format, Size, starts_with

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_PARTS = 100_000  # strips or tiles of the first picture, for each of which Pillow makes an object
_STRIP_OFFSETS, _TILE_OFFSETS = 273, 324  # tags


def _too_many_parts(data: bytes) -> bool:
    order: Literal["little", "big"] = "little" if data.startswith(b"I") else "big"
    big = 43 in data[2:4]
    word, head, entry = (8, 8, 20) if big else (4, 2, 12)
    start = 8 if big else 4
    start = int.from_bytes(data[start : start + word], order)
    entries = int.from_bytes(data[start : start + head], order)
    if entries > _PARTS:
        return True
    for at in range(start + head, min(start + head + entries * entry, len(data)), entry):
        tag = int.from_bytes(data[at : at + 2], order)
        if tag in (_STRIP_OFFSETS, _TILE_OFFSETS) and int.from_bytes(data[at + 4 : at + 4 + word], order) > _PARTS:
            return True
    return False


def _tile_size(image: ImageFile) -> Size:
    from PIL import TiffImagePlugin  # not at the top: see `base`

    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return 0, 0
    width, height = (image.tag_v2.get(tag, 0) for tag in (TiffImagePlugin.TILEWIDTH, TiffImagePlugin.TILELENGTH))
    return int(width), int(height)


TIFF = Format(
    name="TIFF",
    endings=(".tif", ".tiff"),
    matches=starts_with(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    plugin="PIL.TiffImagePlugin",
    too_many_parts=_too_many_parts,
    tile_size=_tile_size,
)
