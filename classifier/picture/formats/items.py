"""The items of a HEIF file: which of them is the picture, and what is said about it (ISO/IEC 23008-12, 14496-12).

Only what the decoders leave to us is read here. What is cut short, or has more parts than `_BOXES` or `_ITEMS`, counts
as not there: then the decoder says what is wrong with the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

_BOXES = 5_000  # in one box; phones write up to 100 properties
_ITEMS = 20_000  # and associations of properties with them; phones write up to 300 and 1,000
_DEPTH = 4  # of derived images; a grid of cropped pictures is 2
_DERIVED = (b"iden", b"grid", b"iovl")


class Box(NamedTuple):
    """A box.

    Attributes:
        kind: its four letters.
        start: where its content starts in the file.
        end: where it ends.
    """

    kind: bytes
    start: int
    end: int


class Property(NamedTuple):
    """A property of an item.

    Attributes:
        at: where its number stands in the file.
        number: its place in the list of all properties, from 1.
        box: the property.
    """

    at: int
    number: int
    box: Box


class Association(NamedTuple):
    """The properties of an item.

    Attributes:
        item: its id.
        wide: the bytes that a property's number has.
        properties: in their order.
    """

    item: int
    wide: int
    properties: list[Property]


@dataclass(slots=True)
class Items:
    """The items of a file.

    Attributes:
        primary: the id of the picture; 0 if none is named.
        kinds: four letters for each id.
        properties: of each id, in their order.
        sources: the ids from which each derived image is made.
    """

    primary: int = 0
    kinds: dict[int, bytes] = field(default_factory=dict)
    properties: dict[int, list[Box]] = field(default_factory=dict)
    sources: dict[int, list[int]] = field(default_factory=dict)

    def chain(self) -> list[int]:
        """The picture, and what it is made of as long as that is one other item, unchanged (`iden`)."""
        items = [self.primary]
        while self.kinds.get(items[-1]) == b"iden" and len(items) < _DEPTH and self.sources.get(items[-1]):
            items.append(self.sources[items[-1]][0])
        return items

    def first_sources(self) -> list[int]:
        """The picture, and the first item of those that it is made of, and so on."""
        items = [self.primary]
        while self.kinds.get(items[-1]) in _DERIVED and len(items) < _DEPTH and self.sources.get(items[-1]):
            items.append(self.sources[items[-1]][0])
        return items

    def parts(self) -> set[int]:
        """All items that the picture is made of, and itself."""
        found, new = set[int](), {self.primary}
        for _ in range(_DEPTH):
            found |= new
            new = {source for item in new for source in self.sources.get(item, ())} - found
        return found


def read_items(data: bytes) -> Items:
    """The items that a file's box `meta` lists."""
    items = Items()
    meta = find(data, 0, len(data), b"meta")
    if not meta:
        return items
    for box in boxes(data, meta.start + 4, meta.end):
        if box.kind == b"pitm":
            items.primary = _number(data, box.start + 4, 4 if _version(data, box) else 2, box.end)
        elif box.kind == b"iinf":
            items.kinds = dict(_kinds(data, box))
        elif box.kind == b"iref":
            items.sources = dict(_sources(data, box))
        elif box.kind == b"iprp":
            items.properties = _properties(data, box)
    return items


def associations(data: bytes, iprp: Box) -> Iterator[Association]:
    """What the boxes `ipma` say: of each item its properties; those that there are not are left out."""
    container = find(data, iprp.start, iprp.end, b"ipco")
    listed = list(boxes(data, container.start, container.end)) if container else []
    left = _ITEMS
    for box in boxes(data, iprp.start, iprp.end):
        if box.kind != b"ipma" or box.end - box.start < 8:
            continue
        wide = 4 if _version(data, box) else 2
        each = 2 if data[box.start + 3] & 1 else 1
        at = box.start + 8
        while left > 0 and at + wide < box.end:
            item, count, first = _number(data, at, wide, box.end), data[at + wide], at + wide + 1
            at = first + each * count
            left -= 1 + count
            numbers = [(place, _number(data, place, each, box.end)) for place in range(first, at, each)]
            found = [(place, number & (0x7FFF if each == 2 else 0x7F)) for place, number in numbers]
            known = [Property(place, index, listed[index - 1]) for place, index in found if 0 < index <= len(listed)]
            yield Association(item, each, known)


def start_of(data: bytes, item: int, most: int) -> bytes:
    """The first bytes of what an item holds.

    Args:
        data: the file.
        item: its id.
        most: the most bytes to give.
    """
    start, end = extent(data, item)
    return data[start : min(start + most, end)]


def extent(data: bytes, item: int) -> tuple[int, int]:
    """Where what an item holds, or the first part of it, begins and ends in the file; (0, 0) if that is not said."""
    location = in_meta(data, b"iloc")
    if not location or location.end - location.start < 8:
        return 0, 0
    version, sizes = _version(data, location), data[location.start + 4 : location.start + 6]
    offsets, lengths, bases, indexes = sizes[0] >> 4, sizes[0] & 15, sizes[1] >> 4, sizes[1] & 15 if version else 0
    wide, place = (4 if version == 2 else 2), location.start + 6
    count, place = _number(data, place, wide, location.end), place + wide
    for _ in range(min(count, _ITEMS)):
        method = _number(data, place + wide, 2, location.end) & 15 if version else 0
        base = place + wide + (4 if version else 2)
        extents = _number(data, base + bases, 2, location.end)
        first = base + bases + 2
        if _number(data, place, wide, location.end) == item:
            at = _number(data, base, bases, location.end) + _number(data, first + indexes, offsets, location.end)
            length = _number(data, first + indexes + offsets, lengths, location.end)
            inside = in_meta(data, b"idat") if method == 1 else Box(b"", 0, len(data))
            if not inside or not extents or method > 1:
                return 0, 0
            return inside.start + at, inside.start + at + length
        place = first + extents * (indexes + offsets + lengths)
    return 0, 0


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes between two places of a file."""
    for _ in range(_BOXES):
        if start + 8 > end:
            return
        size, head = int.from_bytes(data[start : start + 4], "big"), 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(data[start + 4 : start + 8], start + head, start + size)
        start += size


def is_whole(data: bytes) -> bool:
    """Whether a file ends where its last box does."""
    end = 0
    for box in boxes(data, 0, len(data)):
        end = box.end
    return end == len(data)


def find(data: bytes, start: int, end: int, *path: bytes) -> Box | None:
    """The first box of a kind, in the first of the next kind, and so on."""
    box = None
    for kind in path:
        box = next((box for box in boxes(data, start, end) if box.kind == kind), None)
        if not box:
            return None
        start, end = box.start, box.end
    return box


def in_meta(data: bytes, kind: bytes) -> Box | None:
    """The first box of a kind in the box `meta`."""
    meta = find(data, 0, len(data), b"meta")
    return find(data, meta.start + 4, meta.end, kind) if meta else None


def _number(data: bytes, at: int, size: int, end: int) -> int:
    """An unsigned number; 0 if it does not end before `end`."""
    return int.from_bytes(data[at : at + size], "big") if at + size <= end else 0


def _version(data: bytes, box: Box) -> int:
    return _number(data, box.start, 1, box.end)


def _kinds(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes]]:
    head = 8 if _version(data, iinf) else 6
    for box in boxes(data, iinf.start + head, iinf.end):
        if box.kind == b"infe" and box.end - box.start >= 12:
            wide = 4 if _version(data, box) == 3 else 2
            after = box.start + 4 + wide + 2
            yield _number(data, box.start + 4, wide, box.end), data[after : after + 4]


def _sources(data: bytes, iref: Box) -> Iterator[tuple[int, list[int]]]:
    wide = 4 if _version(data, iref) else 2
    left = _ITEMS
    for box in boxes(data, iref.start + 4, iref.end):
        if box.kind == b"dimg":
            count = min(_number(data, box.start + wide, 2, box.end), left)
            left -= count
            first = box.start + wide + 2
            ids = [_number(data, first + wide * index, wide, box.end) for index in range(count)]
            yield _number(data, box.start, wide, box.end), ids


def _properties(data: bytes, iprp: Box) -> dict[int, list[Box]]:
    result: dict[int, list[Box]] = {}
    for one in associations(data, iprp):
        result.setdefault(one.item, []).extend(found.box for found in one.properties)
    return result
