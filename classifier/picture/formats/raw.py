"""Cameras' raw files: most are TIFF, with sensor values for whoever develops them, and smaller pictures for viewers.

Sensor values are not developed here. The largest of the smaller pictures is read instead, if it is large; else a
thumbnail would answer for the photo.
"""

from __future__ import annotations

import io
import math
import re
import struct
from collections.abc import Iterator
from itertools import islice

from classifier.errors import UnsupportedKindError
from classifier.picture.formats import tiff_directory as tags
from classifier.picture.formats import tiff_kinds as kinds
from classifier.picture.formats.base import ORIENTATION, SIDEWAYS, Preview, Size
from classifier.picture.formats.jpeg_scans import FRAMES
from classifier.picture.formats.tiff_directory import RAW_SIGNATURES, Directory

LARGE = 512
"""Pixels along the longer side that a preview needs at least; thumbnails have 160, 256 or 320."""

_OTHERS = {
    **{b"FUJIFILMCCD-RAW": (0, "RAF"), b"ftypcrx ": (4, "CR3"), b"HEAPCCDR": (6, "CRW"), b"FOVb": (0, "X3F")},
    **{b"\0MRM": (0, "MRW"), b"ARECOYK": (25, "RAW")},
}
_SENSOR = (32803, 34892)  # photometric interpretations
_CODINGS = (32767, 32769, 32770, 34713, 65000, 65535)  # of sensor values: Sony, packed, Samsung, Nikon, Kodak, Pentax
_NAMES = {
    **{b"NIKON": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"RICOH": "PEF", b"OLYMPUS": "ORF", b"OM DIGITAL": "ORF"},
    **{b"PANASONIC": "RW2", b"LEICA": "RWL", b"SAMSUNG": "SRW", b"HASSELBLAD": "3FR", b"PHASE ONE": "IIQ"},
    **{b"LEAF": "MOS", b"MAMIYA": "MEF", b"SEIKO EPSON": "ERF", b"KODAK": "DCR", b"EASTMAN KODAK": "DCR"},
    **{b"CANON": "CR2", b"GOPRO": "GPR"},
}
_JPEG_TABLES = 347  # tag
_BEGIN = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]")
_FRAMES = (0xC0, 0xC1, 0xC2)  # of pictures; sensor values are in lossless ones
_SEGMENTS = 200  # before a frame, of a JPEG that counts
_JPEGS = 500  # that are looked at, or what looks like their beginnings


def other_kind(data: bytes) -> str:
    """The kind of a raw file that is not TIFF, such as "CR3"; "" for all other files."""
    return next((name for mark, (at, name) in _OTHERS.items() if data.startswith(mark, at)), "")


def preview(data: bytes, max_pixels: int) -> Preview | None:
    """The largest picture in a raw file that is TIFF; None for other TIFF files.

    Args:
        data: the file.
        max_pixels: the most pixels that it may have.

    Raises:
        UnsupportedKindError: no picture in it is large, or all have too many pixels.
    """
    directories = tags.every(data)
    kind = _kind(data, directories)
    if not kind:
        return None
    tagged = [*_tagged(data, directories), *_pages(data, directories, kind)]
    found = _largest(tagged, max_pixels) or _largest(_scanned(data, directories), max_pixels)
    if not found:
        raise UnsupportedKindError(kind=f"camera raw file ({kind}) without a large preview")
    size, start, end = found
    whole = tags.begun_at(data, Directory(data, start)) if end is None else data[start:end]
    return Preview(whole, size, kind, _orientation(whole, size, directories))


_Place = tuple[Size, int, "int | None"]  # the size, where it begins, and where a JPEG ends; None for a directory


def _kind(data: bytes, directories: list[Directory]) -> str:
    if data[:4] in RAW_SIGNATURES:
        return RAW_SIGNATURES[data[:4]]
    if any(tags.DNG_VERSION in one for one in directories[:1]):
        return "DNG"
    if data[8:10] == b"CR":
        return "CR2"
    if data[8:12] == data[:2] * 2:
        return "IIQ"
    if not any(_is_sensor(one) for one in directories):
        return ""
    maker = directories[0].content(tags.MAKE)[:40].upper()
    return next((name for make, name in _NAMES.items() if maker.startswith(make)), "RAW")


def _is_sensor(directory: Directory) -> bool:
    return directory.value(tags.PHOTOMETRIC) in _SENSOR or directory.value(tags.COMPRESSION) in _CODINGS


def _largest(places: list[_Place], max_pixels: int) -> _Place | None:
    fits = [one for one in places if max(one[0]) >= LARGE and math.prod(one[0]) <= max_pixels]
    return max(fits, key=lambda one: math.prod(one[0]), default=None)


def _tagged(data: bytes, directories: list[Directory]) -> Iterator[_Place]:
    """The JPEGs that tags name."""
    for one in directories:
        spans = [(one.value(tags.JPEG_OFFSET), one.value(tags.JPEG_BYTES))]
        if tags.RW2_JPEG in one and data[:4] in RAW_SIGNATURES:
            spans.append((one.place(tags.RW2_JPEG), one.length(tags.RW2_JPEG)))
        if _is_whole_jpeg(one):
            places, lengths = (one.values(tag) for tag in (tags.STRIP_OFFSETS, tags.STRIP_BYTES))
            spans.append((places[0], next(iter(lengths), 0)))
        for start, length in spans:
            size = jpeg_size(data, start)
            if size and 0 < length <= len(data) - start:
                yield size, start, start + length


def _is_whole_jpeg(directory: Directory) -> bool:
    """Whether its only strip is a JPEG file of its own."""
    return (
        directory.value(tags.COMPRESSION) in (kinds.OLD_JPEG, kinds.JPEG)
        and not _is_sensor(directory)
        and _JPEG_TABLES not in directory
        and directory.value(tags.PHOTOMETRIC, kinds.YCBCR) in (kinds.GREY, kinds.YCBCR)
        and len(directory.values(tags.STRIP_OFFSETS)) == 1
    )


def _pages(data: bytes, directories: list[Directory], kind: str) -> Iterator[_Place]:
    """The pictures that a directory holds as TIFF files do."""
    for one in directories:
        if data[:4] in RAW_SIGNATURES or not (one.reduced or kind == "DNG") or one.mask or _is_whole_jpeg(one):
            continue
        try:
            form = kinds.kind_of(one)
            kinds.reader(one, form)
        except UnsupportedKindError:
            continue
        if tags.PHOTOMETRIC in one and form.coding != kinds.OLD_JPEG:
            yield one.size, one.at, None


def _scanned(data: bytes, directories: list[Directory]) -> list[_Place]:
    """The JPEGs that are in the file, but for those that hold sensor values; some makers' tags are their own."""
    sensors = {at for one in directories for tag in (tags.STRIP_OFFSETS, tags.TILE_OFFSETS) for at in one.values(tag)}
    found: list[_Place] = []
    for match in islice(_BEGIN.finditer(data), _JPEGS):
        size = None if match.start() in sensors else jpeg_size(data, match.start())
        if size:
            end = data.find(b"\xff\xd9", data.find(b"\xff\xda", match.start())) + 2
            found.append((size, match.start(), end if end > match.start() else len(data)))
    return found


def jpeg_size(data: bytes, at: int) -> Size | None:
    """Width and height of the JPEG that begins there, if one does that shows 8-bit grey or colours."""
    if not _BEGIN.match(data, at):
        return None
    at += 2
    for _ in range(_SEGMENTS):
        marker = data[at : at + 10]
        if len(marker) < 10 or marker[0] != 0xFF or marker[1] in (0xD8, 0xD9, 0xDA):
            return None
        if marker[1] in FRAMES:
            bits, height, width, samples = struct.unpack(">BHHB", marker[4:10])
            return (width, height) if marker[1] in _FRAMES and bits == 8 and samples in (1, 3) else None
        at += 2 + max(2, int.from_bytes(marker[2:4], "big"))
    return None


def _orientation(whole: bytes, size: Size, directories: list[Directory]) -> int:
    """How the preview has to be turned, unless its own file says it or it is turned already."""
    from PIL import Image  # not at the top: see `base`

    if not whole.startswith((b"II", b"MM")):
        try:
            with Image.open(io.BytesIO(whole), formats=["JPEG"]) as image:
                if image.getexif().get(ORIENTATION):
                    return 1
        except (OSError, SyntaxError, ValueError):
            return 1
    elif tags.ORIENTATION in Directory(whole, tags.first(whole).at):
        return 1
    value = directories[0].value(tags.ORIENTATION, 1)
    sensor = max((one.size for one in directories if _is_sensor(one)), key=math.prod, default=(0, 0))
    turned = value in SIDEWAYS and (sensor[0] > sensor[1]) and size[0] < size[1]
    return 1 if turned else value
