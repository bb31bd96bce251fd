"""The colours of a HEIF picture, given as code points (ISO/IEC 14496-12, 12.1.5)."""

from __future__ import annotations

from collections.abc import Sequence

from classifier.picture.formats.base import UNKNOWN, Cicp
from classifier.picture.formats.items import Box, Items, boxes, find

_LIKE_SRGB = (UNKNOWN, 1, 6, 14, 15)  # transfers, most of video, which Chromium takes for that of sRGB
_ENTRY = 78  # bytes of a track's entry before its boxes
_TRACK = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def of_picture(data: bytes, items: Items) -> Cicp | None:
    """The colours of the picture, or of the first of those that it is made of; None if they are given by a profile."""
    for item in items.first_sources():
        properties = items.properties.get(item, ())
        if any(box.kind == b"colr" for box in properties):
            return _colours(data, properties)
    return None


def of_track(data: bytes) -> Cicp | None:
    """The colours of the film in an animated file; None if they are given by a profile."""
    table = find(data, 0, len(data), *_TRACK)
    entry = next(boxes(data, table.start + 8, table.end), None) if table else None
    return _colours(data, list(boxes(data, entry.start + _ENTRY, entry.end))) if entry else None


def _colours(data: bytes, properties: Sequence[Box]) -> Cicp | None:
    kinds = {data[box.start : box.start + 4]: box for box in properties if box.kind == b"colr"}
    points = kinds.get(b"nclx")
    if not points or points.end - points.start < 8 or b"prof" in kinds or b"rICC" in kinds:
        return None
    primaries, transfer = (int.from_bytes(data[at : at + 2], "big") for at in (points.start + 4, points.start + 6))
    levels = next((box for box in properties if box.kind == b"clli" and box.end - box.start >= 2), None)
    peak = float(int.from_bytes(data[levels.start : levels.start + 2], "big")) if levels else 0.0
    return Cicp(primaries, transfer, peak or None).settled(_LIKE_SRGB)
