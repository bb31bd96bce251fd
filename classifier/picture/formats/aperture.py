"""Which part of a HEIF picture is shown: its clean aperture (`clap`), turned and mirrored with it.

ISO/IEC 14496-12, 12.1.4 and ISO/IEC 23008-12, 6.5.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from classifier.picture.formats.base import Crop, Size
from classifier.picture.formats.items import Box, Items


class _View(NamedTuple):
    """The size of the whole picture, and the part of it that is shown."""

    size: Size
    crop: Crop


def visible(data: bytes, items: Items) -> Crop | None:
    """The part that is shown of the picture as it is without any crop, turned and mirrored as the file says.

    Args:
        data: the file.
        items: of the file.

    Returns:
        None if all is shown, or the file's crop is not a part of the picture.
    """
    properties = [box for item in reversed(items.chain()) for box in items.properties.get(item, ())]
    size = _size(data, properties)
    view = _View(size, (0, 0, *size)) if size else None
    for box in properties:
        if view and box.kind == b"clap":
            view = _clip(view, data, box)
        elif view and box.kind == b"irot":
            for _ in range(_last_bits(data, box, 3)):
                view = _turn(view)
        elif view and box.kind == b"imir":
            view = _mirror(view, _last_bits(data, box, 1))
    return view.crop if view and view.crop != (0, 0, *view.size) else None


def corner(data: bytes, items: Items) -> Crop | None:
    """The part that is shown of a picture as it is coded, if it starts in the upper left corner; else None."""
    properties = items.properties.get(items.primary, ())
    size = _size(data, properties)
    aperture = next((box for box in properties if box.kind == b"clap"), None)
    sides = _aperture(data, aperture, size) if size and aperture else None
    if not size or not sides:
        return None
    (left, width), (top, height) = sides
    whole = left == top == 0 and width.denominator == height.denominator == 1
    return (0, 0, int(width), int(height)) if whole and 0 < width <= size[0] and 0 < height <= size[1] else None


def without_apertures(data: bytes, items: Items) -> bytes:
    """The file without the crops of the picture, its transparency and the like.

    The boxes become free space. Those of items of which the picture is made stay: their decoder has to crop these.
    """
    kept = items.parts().difference(items.chain())
    stay = {box for item in kept for box in items.properties.get(item, ())}
    pieces, place = [], 0
    all_boxes = {box for properties in items.properties.values() for box in properties}
    for box in sorted(all_boxes - stay, key=lambda box: box.start):
        if box.kind == b"clap":
            pieces += [data[place : box.start - 4], b"free"]
            place = box.start
    return b"".join([*pieces, data[place:]]) if pieces else data


def _size(data: bytes, properties: Sequence[Box]) -> Size | None:
    """The size of a picture as it is coded, if its properties say it."""
    box = next((box for box in properties if box.kind == b"ispe"), None)
    if not box or box.end - box.start < 12:
        return None
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (box.start + 4, box.start + 8))
    return width, height


def _last_bits(data: bytes, box: Box, mask: int) -> int:
    """What the first byte of a box holds in its last bits."""
    return int.from_bytes(data[box.start : min(box.start + 1, box.end)], "big") & mask


def _aperture(data: bytes, box: Box, size: Size) -> tuple[tuple[Fraction, Fraction], tuple[Fraction, Fraction]] | None:
    """Start and length of what is shown, along both sides of a picture."""
    if box.end - box.start < 32:
        return None
    numbers = [int.from_bytes(data[at : at + 4], "big") for at in range(box.start, box.start + 32, 4)]
    if 0 in numbers[1::2]:
        return None
    width, height, right, down = (
        Fraction(above - (1 << 32 if index > 1 and above >> 31 else 0), below)
        for index, (above, below) in enumerate(zip(numbers[::2], numbers[1::2], strict=True))
    )
    return ((size[0] - width) / 2 + right, width), ((size[1] - height) / 2 + down, height)


def _clip(view: _View, data: bytes, box: Box) -> _View | None:
    """Applies a crop; fractions are rounded, and what is outside of the picture is left out, as libheif does it."""
    left, top, right, bottom = view.crop
    sides = _aperture(data, box, (right - left, bottom - top))
    if not sides:
        return None
    (across, width), (down, height) = sides
    first, above = math.floor(across), _round(down)
    crop = (
        left + max(0, first),
        top + max(0, above),
        min(right, left + first + _round(width)),
        min(bottom, top + above + _round(height)),
    )
    return _View(view.size, crop) if crop[0] < crop[2] and crop[1] < crop[3] else None


def _round(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def _turn(view: _View) -> _View:
    """Turns a picture by 90 degrees, counterclockwise."""
    (width, height), (left, top, right, bottom) = view
    return _View((height, width), (top, width - right, bottom, width - left))


def _mirror(view: _View, axis: int) -> _View:
    """Mirrors a picture: upside down if `axis` is 0, else left to right."""
    (width, height), (left, top, right, bottom) = view
    if axis:
        return _View(view.size, (width - right, top, width - left, bottom))
    return _View(view.size, (left, height - bottom, right, height - top))
