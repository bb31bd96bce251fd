"""JPEG: a list of segments, in which a frame and its scans hold the picture (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from classifier.picture.formats.base import Cost, Format, Shown, starts_with
from classifier.picture.formats.jpeg_scans import FRAMES, MARKER, SEQUENTIAL, cut_off, ended_early

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_SEGMENTS = 1_000  # 20 MB are 305 segments of full length; joining EXIF from many segments has quadratic cost
_SCANS = 40  # a progressive file has about 10; for each, libjpeg takes up to 77 ms at 64 million pixels
_PADDING = 1 << 16  # bytes between segments
_RESOURCES = 50_000  # Photoshop's resource blocks; Photoshop itself writes some dozens

_LOSSLESS_FRAME = 0xF7  # of JPEG-LS (ITU-T T.87)
_HIERARCHY, _DIFFERENCES = 0xDE, (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)  # of several frames (ITU-T T.81, annex J)
_SCAN = 0xDA
_LEAST = {0xE0: ((b"JFIF", 7),), 0xE2: ((b"ICC_PROFILE\0", 14),), 0xEE: ((b"Adobe", 7),)}  # bytes, by name

_LOSSLESS = (0xC3, 0xCB)
_FILL = re.compile(rb"\xff+")


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
        if code in SEQUENTIAL:
            components = int.from_bytes(data[fill.end() + 8 : fill.end() + 9], "big")
        if code == _SCAN:
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
        marker = MARKER.search(data, position)
        if not marker or data[marker.end() - 1] == 0xD9:
            return False
        scans += data[marker.end() - 1] == _SCAN
        if scans > _SCANS:
            return True
        position = _after(data, marker.end() - 1)
    return True


def _after(data: bytes, code: int) -> int:
    """The end of the segment whose marker has its second byte at `code`; RSTn, SOI, EOI and TEM have no content."""
    if data[code] in (0x00, 0x01, *range(0xD0, 0xDA)):
        return code + 1
    return code + 1 + max(2, int.from_bytes(data[code + 1 : code + 3], "big"))


def _unread_kind(data: bytes) -> str:
    """The name of a kind of JPEG that its decoder does not know, by its first frame."""
    for at in _segments(data):
        code, header = data[at], data[at + 3 : at + 9]
        if len(header) < 6:
            return ""
        if code in (*FRAMES, _LOSSLESS_FRAME, _HIERARCHY):
            return _kind_of_frame(code, depth=header[0], channels=header[5])
    return ""


def _segments(data: bytes) -> Iterator[int]:
    """Where the codes of the segments stand, up to the first scan and as long as what follows looks like some."""
    position = 2
    for _ in range(_SEGMENTS):
        fill = _FILL.search(data, position)
        if not fill or fill.end() == len(data):
            return
        yield fill.end()
        position = _after(data, fill.end())


def _shown(data: bytes) -> Shown:
    """The file without those segments about the picture that are too short for what Pillow reads of them.

    Other decoders pass them over; Pillow would call the whole file none of JPEG.
    """
    parts, position = [], 0
    for code in takewhile(lambda at: data[at] != _SCAN, _segments(data)):
        end = _after(data, code)
        content = data[code + 3 : end]
        if any(content.startswith(name) and len(content) < least for name, least in _LEAST.get(data[code], ())):
            parts.append(data[position : code - 1])
            position = end
    if not parts:
        return Shown(data)
    return Shown(b"".join([*parts, data[position:]]))


def _kind_of_frame(code: int, depth: int, channels: int) -> str:
    if code == _LOSSLESS_FRAME:
        return "JPEG-LS"
    if code == _HIERARCHY or code in _DIFFERENCES:
        return "hierarchical JPEG"
    if depth != 8:
        return f"{depth}-bit JPEG" if 2 <= depth <= 16 else ""
    return "" if channels in (1, 3, 4) else f"JPEG with {channels} channels"


def _draft_cost(image: ImageFile) -> Cost | None:
    """Two bytes per coefficient where all are kept until the last scan, else little; measured at 64 million pixels.

    That is 2 bytes per pixel for a grey picture, 3 for one with the usual halved colours, 6 with whole ones and 8 for
    CMYK, each 0.07 more, and 0.06 where nothing is kept. A lossless one cannot be made smaller.
    """
    code, in_first_scan = _frame(image)
    if code in _LOSSLESS:
        return None
    layers: Sequence[tuple[int, int, int, int]] = getattr(image, "layer", ())  # id, samples across, down, table
    if code in SEQUENTIAL and in_first_scan >= len(layers):
        return Cost("sequential JPEG", 0.2)
    block = max(across for _, across, _, _ in layers) * max(down for _, _, down, _ in layers)
    kept = 2 * sum(across * down for _, across, down, _ in layers) / block
    return Cost("progressive JPEG" if "progressive" in image.info else "JPEG with several scans", kept + 0.2)


def _frame(image: ImageFile) -> tuple[int, int]:
    """The code of the frame of a file that Pillow has opened, and the number of components in its first scan."""
    if image.fp is None:
        return 0, 0
    place = image.fp.tell()  # where the first scan's header ends
    image.fp.seek(0)
    head = image.fp.read(place)
    image.fp.seek(place)
    code = 0
    for at in _segments(head):
        if head[at] == 0xDA:
            return code, head[at + 3] if at + 3 < len(head) else 0
        if head[at] in FRAMES:
            code = head[at]
    return code, 0


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
    cut_off=cut_off,
    ended_early=ended_early,
    shown=_shown,
    unread_kind=_unread_kind,
    before_loading=_read_at_once,
    draft_cost=_draft_cost,
)
