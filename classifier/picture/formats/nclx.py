"""The colours of a HEIF picture, given as code points (ISO/IEC 14496-12, 12.1.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from classifier.picture.formats import av1, hevc
from classifier.picture.formats.base import UNKNOWN, Cicp
from classifier.picture.formats.items import Box, Items, boxes, find, start_of

_LIKE_SRGB = (UNKNOWN, 1, 6, 14, 15)  # transfers, most of video, which Chromium takes for that of sRGB
_START = 1000  # bytes of a coded picture, in which its header is
_ENTRY = 78  # bytes of a track's entry before its boxes
_TRACK = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")


def of_picture(data: bytes, items: Items) -> Cicp | None:
    """The colours of the picture, or of the first of those that it is made of; None if they are given by a profile.

    What the file does not say, the coded picture may.
    """
    sources = items.first_sources()
    for item in sources:
        properties = items.properties.get(item, ())
        if any(box.kind == b"colr" for box in properties):
            return _colours(data, properties)
    coded = _of_coded(data, items, sources[-1])
    peak = _peak(data, items.properties.get(items.primary, ()))
    return coded.settled(_LIKE_SRGB)._replace(peak=peak) if coded else None


def _of_coded(data: bytes, items: Items, item: int) -> Cicp | None:
    if items.kinds.get(item) == b"av01":
        return av1.colours(start_of(data, item, _START))
    configuration = next((box for box in items.properties.get(item, ()) if box.kind == b"hvcC"), None)
    return hevc.colours(data[configuration.start : configuration.end]) if configuration else None


def of_track(data: bytes) -> Cicp | None:
    """The colours of the film in an animated file; None if they are given by a profile."""
    table = find(data, 0, len(data), *_TRACK)
    entry = next(boxes(data, table.start + 8, table.end), None) if table else None
    return _colours(data, list(boxes(data, entry.start + _ENTRY, entry.end))) if entry else None


def of_info(info: Mapping[str | tuple[int, int], Any]) -> Cicp | None:
    """The colours that pi-heif notes on a picture that it has opened; None if they are given by a profile."""
    points = info.get("nclx_profile")
    if not isinstance(points, dict) or info.get("icc_profile"):
        return None
    primaries, transfer = points.get("color_primaries", UNKNOWN), points.get("transfer_characteristics", UNKNOWN)
    return Cicp(int(primaries), int(transfer)).settled(_LIKE_SRGB)


def _colours(data: bytes, properties: Sequence[Box]) -> Cicp | None:
    kinds = {data[box.start : box.start + 4]: box for box in properties if box.kind == b"colr"}
    points = kinds.get(b"nclx")
    if not points or points.end - points.start < 8 or b"prof" in kinds or b"rICC" in kinds:
        return None
    primaries, transfer = (int.from_bytes(data[at : at + 2], "big") for at in (points.start + 4, points.start + 6))
    return Cicp(primaries, transfer, _peak(data, properties)).settled(_LIKE_SRGB)


def _peak(data: bytes, properties: Sequence[Box]) -> float | None:
    """Nits of the brightest pixel, if the properties say them (content light level)."""
    levels = next((box for box in properties if box.kind == b"clli" and box.end - box.start >= 2), None)
    return (levels and float(int.from_bytes(data[levels.start : levels.start + 2], "big"))) or None
