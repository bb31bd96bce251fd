"""JPEG: a list of segments, in which a frame and its scans hold the picture (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from classifier.picture.formats.base import Cost, Format, starts_with

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_SEGMENTS = 1_000  # 20 MB are 305 segments of full length; joining EXIF from many segments has quadratic cost
_SCANS = 50  # a progressive file has about 10; for each, libjpeg takes up to 60 ms at 50 million pixels
_PADDING = 1 << 16  # bytes between segments
_RESOURCES = 50_000  # Photoshop's resource blocks; Photoshop itself writes some dozens

_SEQUENTIAL = (0xC0, 0xC1, 0xC9)  # frames that are not progressive
_FILL = re.compile(rb"\xff+")
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def _too_many_parts(data: bytes) -> bool:
    position = 2
    padding = resources = 0
    components = 0  # number of components of a sequential frame, which may come in a single scan
    for _ in range(_SEGMENTS):
        fill = _FILL.search(data, position)
        if not fill or fill.end() == len(data):
            return len(data) - position > _PADDING
        padding += fill.end() - position - 1
        if padding > _PADDING:
            return True
        code = data[fill.end()]
        if code in _SEQUENTIAL:
            components = int.from_bytes(data[fill.end() + 8 : fill.end() + 9], "big")
        if code == 0xDA:
            if components and data[fill.end() + 3 : fill.end() + 4] == bytes([components]):
                return False  # all components are in the first scan, so there is no second one
            # Bytes that look like markers may also be in what follows the picture, such as the film of a motion photo,
            # so a high count is only a reason to look closely.
            return data.count(b"\xff\xda", position) > _SCANS and _many_scans(data, fill.end() - 1)
        position = _after(data, fill.end())
        if code == 0xED:
            resources += data.count(b"8BIM", fill.end(), position)
            if resources > _RESOURCES:
                return True
    return True


def _many_scans(data: bytes, position: int) -> bool:
    scans = 0
    for _ in range(_SEGMENTS):
        marker = _MARKER.search(data, position)
        if not marker or data[marker.end() - 1] == 0xD9:
            return False
        scans += data[marker.end() - 1] == 0xDA
        if scans > _SCANS:
            return True
        position = _after(data, marker.end() - 1)
    return True


def _after(data: bytes, code: int) -> int:
    """The end of the segment whose marker has its second byte at `code`; RSTn, SOI, EOI and TEM have no content."""
    if data[code] in (0x00, 0x01, *range(0xD0, 0xDA)):
        return code + 1
    return code + 1 + max(2, int.from_bytes(data[code + 1 : code + 3], "big"))


def _draft_cost(image: ImageFile) -> Cost:
    """Measured at 50 million pixels: 0.1 bytes per pixel, or 3 if all scans are kept until the last (progressive)."""
    return Cost("progressive JPEG", 3.2) if "progressive" in image.info else Cost("sequential JPEG", 0.2)


def _read_at_once(image: ImageFile, length: int) -> None:
    """Has Pillow give the decoder the whole file at once.

    In blocks of 64 kB, Pillow's default, decoding takes 7 % longer and takes the interpreter's lock often.
    """
    image.decodermaxblock = max(image.decodermaxblock, length)


JPEG = Format(
    name="JPEG",
    endings=(".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".mpo"),
    matches=starts_with(b"\xff\xd8\xff"),
    plugin="PIL.JpegImagePlugin",
    too_many_parts=_too_many_parts,
    before_loading=_read_at_once,
    draft_cost=_draft_cost,
)
