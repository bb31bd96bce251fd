"""The directories of a TIFF file: which tags they have, and their values (TIFF 6.0, section 2).

BigTIFF has the same structure with wider fields: https://www.awaresystems.be/imaging/tiff/bigtiff.html
Raw files of Olympus and Panasonic differ only in the number that follows the byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Literal

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
RAW_SIGNATURES = {b"IIRO": "ORF", b"IIRS": "ORF", b"MMOR": "ORF", b"IIU\0": "RW2"}
"""Camera raw files that are TIFF but for their signature."""

SUBFILE, OLD_SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, FILL_ORDER = 254, 255, 256, 257, 258, 259, 262, 266
MAKE, STRIP_OFFSETS, ORIENTATION, SAMPLES, ROWS, STRIP_BYTES, PLANAR = 271, 273, 274, 277, 278, 279, 284
PREDICTOR, WHITE_POINT, COLOUR_MAP, TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES = (
    317,
    318,
    320,
    322,
    323,
    324,
    325,
)
SUB_DIRECTORIES, INK_SET, EXTRA_SAMPLES, SAMPLE_FORMAT, JPEG_OFFSET, JPEG_BYTES = 330, 332, 338, 339, 513, 514
DEPTH, PROFILE, NO_DATA, DNG_VERSION, RW2_JPEG = 32997, 34675, 42113, 50706, 46
LOWEST_BIT_FIRST = 2  # of `FILL_ORDER`

_TYPES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_SIZES = {kind: struct.calcsize("=" + code) for kind, code in _TYPES.items()} | {2: 1, 5: 8, 10: 8}
_FRACTION = 5  # type
_ENTRIES = 4096  # of a directory; writers use some dozens
_VALUES = 200_000  # of a tag; a palette has up to 196,608
_DIRECTORIES = 32  # that are looked at, in the chain and below it; a raw file has up to 8


class Directory:
    """One directory. Values are read when they are asked for; those that are not there or not numbers are ()."""

    def __init__(self, data: bytes, at: int) -> None:
        """Args: data: the file; at: where in it the directory begins."""
        self.data = data
        self.at = at
        self.order: Literal["little", "big"] = "little" if data.startswith(b"I") else "big"
        self._mark = "<" if self.order == "little" else ">"
        self._big = 43 in data[2:4]
        self._entries: dict[int, tuple[int, int, int]] = {}
        word, head, entry = (8, 8, "HHQ8x") if self._big else (4, 2, "HHI4x")
        step = struct.calcsize("=" + entry)
        self.count = int.from_bytes(data[at : at + head], self.order)
        body = data[at + head : at + head + min(self.count, _ENTRIES) * step]
        for index, one in enumerate(struct.iter_unpack(self._mark + entry, body[: len(body) // step * step])):
            place = at + head + index * step + step - word
            size = _SIZES.get(one[1], 0) * one[2]
            if size > word:
                place = int.from_bytes(data[place : place + word], self.order)
            self._entries.setdefault(one[0], (one[1], one[2], place))
        end = at + head + self.count * step
        self.next = int.from_bytes(data[end : end + word], self.order)

    def __contains__(self, tag: int) -> bool:
        """Whether it has the tag."""
        return tag in self._entries

    def length(self, tag: int) -> int:
        """The number of values that the tag claims to have."""
        return self._entries[tag][1] if tag in self._entries else 0

    def values(self, tag: int, most: int = _VALUES) -> tuple[int, ...]:
        """The tag's numbers, fractions rounded down; the first of them, if there are more than `most`."""
        kind, count, place = self._entries.get(tag, (0, 0, 0))
        count = min(count, most)
        if kind not in _TYPES or place + count * _SIZES[kind] > len(self.data):
            return ()
        found = struct.unpack_from(f"{self._mark}{count}{_TYPES[kind]}", self.data, place)
        return tuple(map(int, found)) if kind in (11, 12) else found

    def value(self, tag: int, default: int = 0) -> int:
        """The tag's first number."""
        return next(iter(self.values(tag, 1)), default)

    def place(self, tag: int) -> int:
        """Where the tag's values are in the file."""
        return self._entries.get(tag, (0, 0, 0))[2]

    def content(self, tag: int) -> bytes:
        """The tag's bytes, as the file has them."""
        kind, count, place = self._entries.get(tag, (0, 0, 0))
        return self.data[place : place + count * _SIZES.get(kind, 0)]

    def fractions(self, tag: int) -> tuple[float, ...]:
        """The tag's fractions, as pairs of numbers hold them; () if it has none."""
        if self._entries.get(tag, (0, 0, 0))[0] != _FRACTION:
            return ()
        body = self.content(tag)
        pairs = struct.iter_unpack(self._mark + "II", body[: len(body) // 8 * 8])
        return tuple(above / below if below else 0.0 for above, below in pairs)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.value(WIDTH), self.value(HEIGHT)

    @property
    def reduced(self) -> bool:
        """Whether it says of its picture that it is a smaller version of another one."""
        return bool(self.value(SUBFILE) & 1) or self.value(OLD_SUBFILE) == 2

    @property
    def mask(self) -> bool:
        """Whether it says of its picture that it is the mask of another one."""
        return bool(self.value(SUBFILE) & 4) or self.value(PHOTOMETRIC) == 4


def first(data: bytes) -> Directory:
    """The first directory of a file."""
    big = 43 in data[2:4]
    order: Literal["little", "big"] = "little" if data.startswith(b"I") else "big"
    return Directory(data, int.from_bytes(data[8:16] if big else data[4:8], order))


def chain(data: bytes) -> Iterator[Directory]:
    """The directories of a file's pages."""
    seen: set[int] = set()
    directory = first(data)
    while directory.at and directory.at not in seen and len(seen) < _DIRECTORIES:
        seen.add(directory.at)
        yield directory
        directory = Directory(data, directory.next)


def every(data: bytes) -> list[Directory]:
    """All directories with pictures: those of the pages, and below them."""
    found = list(chain(data))
    seen = {one.at for one in found}
    for directory in found:  # which grows meanwhile
        for at in directory.values(SUB_DIRECTORIES, _DIRECTORIES):
            if at not in seen and len(found) < _DIRECTORIES:
                seen.add(at)
                found.append(Directory(data, at))
    return found


def begun_at(data: bytes, directory: Directory) -> bytes:
    """The file with this directory as its first."""
    start, word = (8, 8) if 43 in data[2:4] else (4, 4)
    return data[:start] + directory.at.to_bytes(word, directory.order) + data[start + word :]
