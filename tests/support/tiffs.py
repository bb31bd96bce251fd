"""TIFF files of any kind, written tag by tag, since Pillow writes few kinds and ordinary ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Value = int | bytes | Sequence[int]

_JPEG_TAGS = (513, 514)


@dataclass
class Page:
    """One directory: its tags besides those that say where its strips are.

    Attributes:
        tags: numbers, written as 32 bits, or bytes, as those of unknown type.
        strips: of its picture.
        tiled: whether the strips are tiles.
        jpeg: a JPEG to which the tags for one point.
        below: directories to which the tag for some points.
    """

    tags: Mapping[int, Value]
    strips: Sequence[bytes] = ()
    tiled: bool = False
    jpeg: bytes = b""
    below: Sequence[Page] = field(default_factory=tuple)


def tiff_file(*pages: Page, order: str = "<", signature: bytes = b"") -> bytes:
    """A file of these pages."""
    signature = signature or (b"II*\0" if order == "<" else b"MM\0*")
    body = bytearray(signature + bytes(4))
    links = [_write(body, page, order) for page in pages]
    starts = [start for start, _ in links]
    struct.pack_into(order + "I", body, 4, starts[0])
    for (_, link), start in zip(links, starts[1:], strict=False):
        struct.pack_into(order + "I", body, link, start)
    return bytes(body)


def _write(body: bytearray, page: Page, order: str) -> tuple[int, int]:
    """Appends a directory; returns where it begins, and where the place of the next one belongs."""
    tags: dict[int, Value] = dict(page.tags)
    places, lengths = (324, 325) if page.tiled else (273, 279)
    if page.strips:
        tags[places], tags[lengths] = [_append(body, strip) for strip in page.strips], [len(one) for one in page.strips]
    if page.jpeg:
        tags |= dict(zip(_JPEG_TAGS, (_append(body, page.jpeg), len(page.jpeg)), strict=True))
    if page.below:
        tags[330] = [_write(body, one, order)[0] for one in page.below]
    entries = b""
    for tag, value in sorted(tags.items()):
        if isinstance(value, bytes):
            kind, count, packed = 7, len(value), value
        else:
            numbers = [value] if isinstance(value, int) else list(value)
            kind, count, packed = 4, len(numbers), struct.pack(f"{order}{len(numbers)}I", *numbers)
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(order + "I", _append(body, packed))
        entries += struct.pack(order + "HHI", tag, kind, count) + place
    start = _append(body, struct.pack(order + "H", len(tags)) + entries + bytes(4))
    return start, len(body) - 4


def _append(body: bytearray, part: bytes) -> int:
    body += bytes(len(body) % 2)
    start = len(body)
    body += part
    return start


def packed(samples: np.ndarray[Any, Any], bits: int) -> bytes:
    """Rows of samples of so many bits, the highest bit first, each row in whole bytes."""
    rows = samples.reshape(len(samples), -1).astype(np.uint32)
    shifts = np.arange(bits - 1, -1, -1)
    return np.packbits(((rows[..., None] >> shifts) & 1).astype(np.uint8).reshape(len(rows), -1), axis=1).tobytes()
