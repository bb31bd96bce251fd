"""HEIF files with other properties than their encoder gave them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple


class Item(NamedTuple):
    """An item of a file; its id is its place in the list, from 1 on.

    Attributes:
        kind: its four letters.
        content: its bytes.
        properties: boxes.
        references: a kind of four letters, and the ids that it refers to.
    """

    kind: bytes
    content: bytes
    properties: Sequence[bytes]
    references: tuple[bytes, Sequence[int]] | None = None


def heic(*items: Item, primary: int = 1) -> bytes:
    """A HEIC file of these items."""
    infos = b"".join(
        box(b"infe", struct.pack(">IHH4sx", 2 << 24, number, 0, item.kind)) for number, item in enumerate(items, 1)
    )
    references = b"".join(
        box(
            item.references[0],
            struct.pack(f">{2 + len(item.references[1])}H", number, len(item.references[1]), *item.references[1]),
        )
        for number, item in enumerate(items, 1)
        if item.references
    )
    container, association = b"", struct.pack(">II", 0, len(items))
    count = 0
    for number, item in enumerate(items, 1):
        container += b"".join(item.properties)
        indexes = range(count + 1, count + 1 + len(item.properties))
        association += struct.pack(">HB", number, len(indexes)) + bytes(index | 0x80 for index in indexes)
        count += len(item.properties)
    head = box(b"ftyp", b"heic" + bytes(4) + b"mif1heic")
    for start in (0, len(head) + len(_meta(items, infos, references, container, association, primary, 0))):
        meta = _meta(items, infos, references, container, association, primary, start + 8)
    return head + meta + box(b"mdat", b"".join(item.content for item in items))


def _meta(
    items: Sequence[Item], infos: bytes, references: bytes, container: bytes, association: bytes, primary: int, at: int
) -> bytes:
    places = b""
    for number, item in enumerate(items, 1):
        places += struct.pack(">HHHII", number, 0, 1, at, len(item.content))
        at += len(item.content)
    return box(
        b"meta",
        bytes(4)
        + box(b"hdlr", bytes(8) + b"pict" + bytes(13))
        + box(b"pitm", struct.pack(">IH", 0, primary))
        + box(b"iloc", struct.pack(">IBBH", 0, 0x44, 0, len(items)) + places)
        + box(b"iinf", struct.pack(">IH", 0, len(items)) + infos)
        + (box(b"iref", bytes(4) + references) if references else b"")
        + box(b"iprp", box(b"ipco", container) + box(b"ipma", association)),
    )


def coded(data: bytes) -> tuple[bytes, bytes, bytes]:
    """Of a file of one item: its decoder's configuration and its size, as boxes, and its bytes."""
    start, end = _inside(data, 0, len(data), b"meta")
    properties = _boxes(data, *_inside(data, *_inside(data, start + 4, end, b"iprp"), b"ipco"))
    found = {piece[4:8]: piece for piece in properties}
    return found[b"hvcC"], found[b"ispe"], data[slice(*_inside(data, 0, len(data), b"mdat"))]


def box(kind: bytes, content: bytes) -> bytes:
    """A box of a file."""
    return struct.pack(">I4s", 8 + len(content), kind) + content


def aperture(width: int, height: int, right: float = 0, down: float = 0) -> bytes:
    """A crop: its size, and how far its middle is from the picture's, to halves of a pixel."""
    numbers = (width, 1, height, 1, int(2 * right), 2, int(2 * down), 2)
    return box(b"clap", struct.pack(">4I" + 2 * "iI", *numbers))


def with_properties(data: bytes, *added: bytes, without: tuple[bytes, ...] = (b"clap", b"irot", b"imir")) -> bytes:
    """A file of one item with more properties, in this order, and without those of some kinds.

    Args:
        data: the file, with offsets of 4 bytes and up to 127 properties.
        added: boxes.
        without: kinds of boxes that are taken out.
    """
    (start, end) = _inside(data, 0, len(data), b"meta")
    properties = _inside(data, start + 4, end, b"iprp")
    container = _inside(data, *properties, b"ipco")
    kept = [piece for piece in _boxes(data, *container) if piece[4:8] not in without]
    item = struct.pack(">IIHB", 0, 1, 1, len(kept) + len(added))
    indexes = bytes(index | 0x80 for index in range(1, len(kept) + len(added) + 1))
    new = box(b"iprp", box(b"ipco", b"".join([*kept, *added])) + box(b"ipma", item + indexes))
    content = [new if piece[4:8] == b"iprp" else piece for piece in _boxes(data, start + 4, end)]
    longer = len(new) - (properties[1] - properties[0] + 8)
    place = _inside(data, 0, len(data), b"mdat")[0]
    before, after = struct.pack(">I", place), struct.pack(">I", place + longer)
    moved = [piece.replace(before, after) if piece[4:8] == b"iloc" else piece for piece in content]
    return data[: start - 8] + box(b"meta", data[start : start + 4] + b"".join(moved)) + data[end:]


def _boxes(data: bytes, start: int, end: int) -> list[bytes]:
    found = []
    while start < end:
        size = int.from_bytes(data[start : start + 4], "big")
        found.append(data[start : start + size])
        start += size
    return found


def _inside(data: bytes, start: int, end: int, kind: bytes) -> tuple[int, int]:
    """Where the content of the first box of a kind starts and ends."""
    for piece in _boxes(data, start, end):
        if piece[4:8] == kind:
            return start + 8, start + len(piece)
        start += len(piece)
    raise ValueError(kind)
