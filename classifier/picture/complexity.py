"""How finely a file is cut up, by a look at its outline: more parts than any honest writer makes are refused unread.

Pillow walks segments, chunks, blocks and runs one by one in Python, holding the interpreter, and libjpeg goes through
the whole picture once per scan. So 20 MB of the smallest parts keep a decoder busy for minutes, whatever the limits
in bytes and pixels. This module counts, with a bound on its own work; it checks nothing else.
"""

from __future__ import annotations

import re
from typing import Literal

# Per format about a second of a decoder's time, and several times what was seen in files of this size.
_SEGMENTS = 1_000  # JPEG: 20 MB in full segments are 305; EXIF in many is joined at quadratic cost
_SCANS = 50  # JPEG: a progressive one has about 10; each costs up to 60 ms at 50 million pixels
_PADDING = 1 << 16  # JPEG: bytes between segments
_RESOURCES = 50_000  # JPEG: blocks of Photoshop's, of which it writes some dozens
_CHUNKS = 20_000  # PNG: 20 MB in libpng's 8 kB chunks are 2,400
_BLOCKS = 20_000  # GIF: those before the first frame, such as comments, of up to 255 bytes each
_RUNS_BYTES, _RUNS_PIXELS = 2_000_000, 4_000_000  # BMP with run lengths
_TILES = 100_000  # TIFF: strips or tiles of the first picture, for each of which Pillow makes an object

_SEQUENTIAL = (0xC0, 0xC1, 0xC9)  # JPEG: frames that are not progressive
_FILL = re.compile(rb"\xff+")
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def too_many_parts(data: bytes, kind: str) -> bool:
    """Whether a file of this format (as `decode.sniff` tells it) would keep its decoder busy for too long."""
    if kind == "JPEG":
        return _jpeg(data)
    if kind == "PNG":
        return _png(data)
    if kind == "GIF":
        return _gif(data)
    if kind == "TIFF":
        return _tiff(data)
    return kind == "BMP" and _bmp(data)


def _jpeg(data: bytes) -> bool:
    position = 2
    padding = resources = 0
    components = 0  # of a frame that may come in a single scan
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
                return False  # all of them in the first scan: there is no second one
            # Any two bytes may look like a marker in what follows the picture, such as the film of a motion photo:
            # many are only a reason to look closely.
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
    """Where a JPEG segment ends whose marker's second byte is at `code`; RSTn, SOI, EOI and TEM have no content."""
    if data[code] in (0x00, 0x01, *range(0xD0, 0xDA)):
        return code + 1
    return code + 1 + max(2, int.from_bytes(data[code + 1 : code + 3], "big"))


def _png(data: bytes) -> bool:
    position = 8
    for _ in range(_CHUNKS):
        if position + 8 > len(data) or data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True


def _gif(data: bytes) -> bool:
    flags = data[10] if len(data) > 10 else 0
    position = 13 + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)
    in_extension = False
    for _ in range(_BLOCKS):
        if position >= len(data):
            return False
        byte = data[position]
        if in_extension:
            in_extension = byte > 0
            position += 1 + byte
        elif byte in b",;":
            return False
        else:  # junk is passed over byte by byte
            in_extension = byte == ord("!")
            position += 2 if in_extension else 1
    return True


def _bmp(data: bytes) -> bool:
    header = int.from_bytes(data[14:18], "little")
    if header < 40 or int.from_bytes(data[30:34], "little") not in (1, 2):
        return False
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    return len(data) > _RUNS_BYTES or abs(width * height) > _RUNS_PIXELS


def _tiff(data: bytes) -> bool:
    # BigTIFF has the same directory with wider fields: https://www.awaresystems.be/imaging/tiff/bigtiff.html
    order: Literal["little", "big"] = "little" if data.startswith(b"I") else "big"
    big = 43 in data[2:4]
    word, head, entry = (8, 8, 20) if big else (4, 2, 12)
    start = 8 if big else 4
    start = int.from_bytes(data[start : start + word], order)
    entries = int.from_bytes(data[start : start + head], order)
    if entries > _TILES:
        return True
    for at in range(start + head, min(start + head + entries * entry, len(data)), entry):
        tag = int.from_bytes(data[at : at + 2], order)
        if tag in (273, 324) and int.from_bytes(data[at + 4 : at + 4 + word], order) > _TILES:
            return True
    return False
