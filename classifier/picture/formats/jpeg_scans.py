"""The scans of a JPEG that lacks its end (ITU-T T.81, annexes B and G), and two ways to end it.

A decoder that finds an end where more of a scan should come leaves the rest of the scan empty; one that finds further
data takes them for the rest. So what both give alike is what the file has.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from classifier.picture.formats.base import CutOff

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""What ends the data of a scan, whose own bytes 0xFF are followed by 0x00 or by a restart marker's second byte."""

SEQUENTIAL = (0xC0, 0xC1, 0xC9)
"""Frames that are neither progressive nor lossless."""

FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
"""Markers of frames, of every kind of coding."""

_ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a segment, but for the end
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_START, _END, _SCAN, _INTERVAL = 0xD8, 0xD9, 0xDA, 0xDD
_SEGMENTS = 1_000
_ZEROS = 16  # bytes at the end that are not part of a scan: what a download has not filled yet, or padding
_MISSING = 128  # of 255: what libjpeg makes of a block that is missing
_ABSENT = 16  # for the lowest bit that is known of a coefficient of which none is
_FINE = 1  # a coefficient that is known but for its last bit is known well enough, unless it is a block's mean


@dataclass(slots=True)
class _Frame:
    """What a frame says of itself, and how much the scans so far have.

    Attributes:
        code: of its marker: the kind of coding.
        band: rows of pixels of a row of blocks of all components.
        missing: of the 64 coefficients of each component, the number of low bits that no scan has.
        before: the same before the last scan.
        intervals: whether its scans are divided by restart markers.
    """

    code: int
    band: int
    missing: dict[int, list[int]]
    before: dict[int, list[int]] = field(default_factory=dict)
    intervals: bool = False

    def scan(self, header: bytes) -> None:
        """Notes the bits that a scan brings."""
        self.before = {component: list(bits) for component, bits in self.missing.items()}
        count = header[0]
        first, last, lowest = header[1 + 2 * count], header[2 + 2 * count], header[3 + 2 * count] & 15
        if self.code not in _PROGRESSIVE:
            first, last, lowest = 0, 63, 0
        for component in header[1 : 1 + 2 * count : 2]:
            self.missing[component][first : last + 1] = [lowest] * (min(last, 63) + 1 - first)


def _well_known(missing: dict[int, list[int]]) -> bool:
    return all(mean == 0 and max(others) <= _FINE for mean, *others in missing.values())


def _all_known(missing: dict[int, list[int]]) -> bool:
    return not any(map(any, missing.values()))


def cut_off(data: bytes) -> CutOff | None:
    """Two ways to end a file that has none; None for one that has, and for one that ends before its first scan."""
    return None if data.endswith(b"\xff\xd9") else _readable(data, early=False)


def ended_early(image: ImageFile, data: bytes) -> CutOff | None:
    """The same for a file with an end, if its last pixel is what a decoder makes of a block that is missing."""
    if image.getpixel((image.width - 1, image.height - 1)) not in (_MISSING, (_MISSING,) * 3):
        return None
    cut = _readable(data, early=True)
    return cut._replace(doubtful=True) if cut and cut.continued else None


def _readable(data: bytes, *, early: bool) -> CutOff | None:
    try:
        return _cut_off(data, early=early)
    except (IndexError, KeyError):  # no frame before a scan, or nonsense in one of both: not to be mended
        return None


def _cut_off(data: bytes, *, early: bool) -> CutOff | None:
    """The file up to the end of its last scan: what ends the data or, if `early`, the end mark."""
    frame: _Frame | None = None
    intervals = False
    position, end = 2, 0  # the end of what there is of the last scan
    for _ in range(_SEGMENTS):
        marker = MARKER.search(data, position)
        code = data[marker.end() - 1] if marker else _START
        if code == _END and not early:
            return None
        if end == position:
            end = marker.start() if marker else len(data)
        if not marker or code in (_START, _END):
            break
        if code in _ALONE:
            position = marker.end()
            continue
        length = int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        position = marker.end() + length
        if position > len(data) or length < 2:
            break
        if code in FRAMES:
            frame = _read_frame(code, data[marker.end() + 2 : position])
        if code == _SCAN and frame:
            frame.scan(data[marker.end() + 2 : position])
            end = position
        if code == _INTERVAL:
            intervals = data[marker.end() + 2 : position] != b"\0\0"
    if not frame or not end:
        return None
    frame.intervals = intervals
    return _ended(data, end, frame)


def _read_frame(code: int, header: bytes) -> _Frame:
    components = [header[at : at + 3] for at in range(6, 6 + 3 * header[5], 3)]
    band = 8 * max(one[1] & 15 for one in components)
    return _Frame(code, band, {one[0]: [_ABSENT] * 64 for one in components})


def _ended(data: bytes, end: int, frame: _Frame) -> CutOff:
    if data.endswith(bytes(_ZEROS)):
        end = min(end, len(data.rstrip(b"\0")))
    head = data[:end].rstrip(b"\xff")
    ended = head + b"\xff\xd9"
    whole = _well_known(frame.before)
    if not (_all_known(frame.missing) if whole else _well_known(frame.missing)):
        return CutOff(ended, whole=whole)
    # At an eighth, a decoder looks at the blocks' means only; they say enough where each scan brings them.
    factor = 2 if frame.code in _PROGRESSIVE else 8 if frame.code in SEQUENTIAL else 1
    return CutOff(ended, head + _noise(frame.intervals) + b"\xff\xd9", frame.band, factor, whole)


def _noise(intervals: bool) -> bytes:
    """Further data of a scan, with the markers between restart intervals if it has some."""
    chance = random.Random(0)  # noqa: S311  (any bytes do)
    parts = [bytes(chance.choices(range(255), k=256)) for _ in range(64)]
    if not intervals:
        return b"".join(parts)
    return b"".join(part + bytes([0xFF, 0xD0 + number % 8]) for number, part in enumerate(parts))
