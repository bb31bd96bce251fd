"""Decodes the strips and tiles of a TIFF file into samples: numbers of any width and kind.

They are decoded some at a time, so that what is held is little; or twice the samples, if the file has them all in one
compressed strip. libtiff decodes most compressions.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import OutOfMemoryError
from classifier.picture.formats import tiff_directory as tags
from classifier.picture.formats import tiff_kinds as kinds
from classifier.picture.formats.base import Size
from classifier.picture.formats.tiff_directory import Directory
from classifier.picture.formats.tiff_kinds import Kind

Bytes = NDArray[np.uint8]
Numbers = NDArray[Any]

_AT_ONCE = 1 << 22  # bytes of samples that are decoded at once
_BLOCK = 1 << 18  # samples that are unpacked at once
_MOST_AT_ONCE = 170_000_000  # bytes that Pillow takes for the pixels of a sound picture
_FLOATING_POINT = 3  # a predictor
_DIFFERENCE = 2  # another


class Place(NamedTuple):
    """Where some rows of a block are in the picture.

    Attributes:
        left: of their first pixel.
        top: of their first pixel.
        rows: those of the block.
    """

    left: int
    top: int
    rows: slice


class Block(NamedTuple):
    """Some samples.

    Attributes:
        samples: (rows, columns, samples of a pixel).
        places: where they are in the picture.
    """

    samples: Numbers
    places: list[Place]


@dataclass(frozen=True, slots=True)
class Strips:
    """The strips or tiles of a picture.

    Attributes:
        directory: of the picture.
        kind: of its samples.
        size: width and height of one in pixels; the last ones of a column of strips have fewer rows.
        across: how many there are side by side.
        down: how many there are one below the other.
        places: where they begin in the file, plane after plane.
        lengths: their bytes there.
        row: bytes of a row of one.
    """

    directory: Directory
    kind: Kind
    size: Size
    across: int
    down: int
    places: tuple[int, ...]
    lengths: tuple[int, ...]
    row: int

    @property
    def each(self) -> int:
        """The samples of a pixel in one plane."""
        return 1 if self.kind.planar else self.kind.samples

    @property
    def tiled(self) -> bool:
        """Whether the last rows of a part may lie outside the picture."""
        return tags.TILE_WIDTH in self.directory

    def height(self, index: int) -> int:
        """The rows of a part that are in the picture."""
        return min(self.size[1], self.directory.size[1] - index // self.across * self.size[1])

    def blocks(self) -> Iterator[Block]:
        """All samples; those that lie outside the picture are left out."""
        wanted = min(self.kind.samples, kinds.COLOURS[self.kind.meaning] + bool(self.kind.alpha))
        planes = range(wanted if self.kind.planar else 1)
        total = self.across * self.down
        at_once = max(1, _AT_ONCE // (self.row * self.size[1]))
        for begin in range(0, total, at_once):
            indices = range(begin, min(begin + at_once, total))
            decoded = [_decoded(self, [plane * total + index for index in indices]) for plane in planes]
            yield from self._unpacked(indices, decoded)

    def _unpacked(self, indices: range, decoded: list[list[Bytes]]) -> Iterator[Block]:
        """The blocks of some parts, of which the bytes are given plane by plane."""
        most = max(1, _BLOCK // (self.size[0] * self.each))  # rows
        rows: list[list[Bytes]] = []
        places: list[Place] = []
        held, width = 0, self.directory.size[0]
        for number, index in enumerate(indices):
            left, top = index % self.across * self.size[0], index // self.across * self.size[1]
            for start in range(0, self.height(index), most):
                stop = min(start + most, self.height(index))
                clipped = self.across > 1 and left + self.size[0] > width
                if rows and (held + stop - start > most or clipped):
                    yield self._block(rows, places)
                    rows, places, held = [], [], 0
                rows.append([plane[number][start:stop] for plane in decoded])
                places.append(Place(left, top + start, slice(held, held + stop - start)))
                held += stop - start
                if clipped:
                    yield self._block(rows, places)
                    rows, places, held = [], [], 0
        if rows:
            yield self._block(rows, places)

    def _block(self, rows: list[list[Bytes]], places: list[Place]) -> Block:
        planes = [_samples(np.concatenate(one), self) for one in zip(*rows, strict=True)]
        samples = np.concatenate(planes, axis=2) if self.kind.planar else planes[0]
        return Block(samples[:, : self.directory.size[0] - places[0].left], places)


def strips_of(directory: Directory, kind: Kind) -> Strips:
    """The strips or tiles of a picture. Some writers give the places of tiles in the tags for strips."""
    width, height = directory.size
    places = directory.values(tags.TILE_OFFSETS) or directory.values(tags.STRIP_OFFSETS)
    lengths = directory.values(tags.TILE_BYTES) or directory.values(tags.STRIP_BYTES)
    planes = kind.samples if kind.planar else 1
    if tags.TILE_WIDTH in directory:
        size = directory.value(tags.TILE_WIDTH), directory.value(tags.TILE_HEIGHT)
    else:
        rows = directory.value(tags.ROWS, height)
        if not 0 < rows < 1 << 31:  # no number of rows, so it is told by how many strips there are
            rows = math.ceil(height / max(1, len(places) // planes))
        size = width, min(rows, height)
    if min(size) < 1:
        raise ValueError("strips of no size")
    across, down = math.ceil(width / size[0]), math.ceil(height / size[1])
    row = math.ceil(size[0] * kind.bits * (1 if kind.planar else kind.samples) / 8)
    if len(places) < across * down * planes:
        raise ValueError("too few strips")
    if len(lengths) < len(places):  # some writers leave them out, though only what is not compressed can do without
        lengths = (row * size[1] if kind.coding == kinds.NONE else len(directory.data),) * len(places)
    return Strips(directory, kind, size, across, down, places, lengths, row)


def _decoded(strips: Strips, indices: list[int]) -> list[Bytes]:
    """The bytes (rows, bytes of a row) of some parts of one plane."""
    total = strips.across * strips.down
    heights = [strips.size[1] if strips.tiled else strips.height(index % total) for index in indices]
    coded = [strips.directory.data[strips.places[i] : strips.places[i] + strips.lengths[i]] for i in indices]
    if strips.kind.coding == kinds.WEBP:
        return [_webp(one, strips.kind, (strips.size[0], rows)) for one, rows in zip(coded, heights, strict=True)]
    reversed_bits = strips.directory.value(tags.FILL_ORDER, 1) == tags.LOWEST_BIT_FIRST
    sizes = [rows * strips.row for rows in heights]
    if strips.kind.coding == kinds.NONE:
        found = [np.frombuffer(one, np.uint8, size) for one, size in zip(coded, sizes, strict=True)]
        if reversed_bits:
            found = [np.packbits(np.unpackbits(one, bitorder="little")) for one in found]
        return [one.reshape(-1, strips.row) for one in found]
    if strips.kind.coding in kinds.DEFLATE and not reversed_bits:  # a third of the time and memory of libtiff's way
        whole = [zlib.decompressobj().decompress(one, size) for one, size in zip(coded, sizes, strict=True)]
        return [
            np.frombuffer(one, np.uint8, size).reshape(-1, strips.row) for one, size in zip(whole, sizes, strict=True)
        ]
    return np.split(_by_libtiff(coded, strips, sum(heights)), np.cumsum(heights)[:-1])


def _by_libtiff(coded: list[bytes], strips: Strips, height: int) -> Bytes:
    """The bytes of compressed parts, given to libtiff as the strips of a grey picture that is as wide in bytes."""
    entries = {
        **{tags.WIDTH: strips.row, tags.HEIGHT: height, tags.BITS: 8, tags.COMPRESSION: strips.kind.coding},
        **{tags.PHOTOMETRIC: kinds.GREY, tags.FILL_ORDER: strips.directory.value(tags.FILL_ORDER, 1)},
        **{tags.STRIP_OFFSETS: 0, tags.SAMPLES: 1, tags.ROWS: strips.size[1], tags.STRIP_BYTES: 0},
    }
    end = 8 + 2 + 12 * len(entries) + 4
    body = end + 8 * len(coded)
    places = body + np.cumsum([0, *map(len, coded)])[:-1]
    arrays = {tags.STRIP_OFFSETS: places.tolist(), tags.STRIP_BYTES: [len(one) for one in coded]}
    head, lists = struct.pack("<4sIH", b"II*\0", 8, len(entries)), b""
    for tag, value in sorted(entries.items()):
        numbers = arrays.get(tag, [value])
        place = numbers[0] if len(numbers) == 1 else end + len(lists)
        head += struct.pack("<HHII", tag, 4, len(numbers), place)
        lists += struct.pack(f"<{len(numbers)}I", *numbers) if len(numbers) > 1 else b""
    if strips.row * height > _MOST_AT_ONCE:
        raise OutOfMemoryError
    file = b"".join((head, bytes(4), lists.ljust(body - end, b"\0"), *coded))
    with Image.open(io.BytesIO(file), formats=["TIFF"]) as image:
        return np.asarray(image)


def _webp(coded: bytes, kind: Kind, size: Size) -> Bytes:
    with Image.open(io.BytesIO(coded), formats=["WEBP"]) as image:
        if image.size != size:
            raise ValueError("not the size of a strip")
        mode = "RGBA" if kind.samples > kinds.COLOURS[kinds.RGB] else "RGB"
        return np.asarray(image.convert(mode)).reshape(size[1], -1)


def _samples(rows: Bytes, strips: Strips) -> Numbers:
    """The samples (rows, columns, samples of a pixel) in some rows of bytes of one plane."""
    kind, each, (width, _) = strips.kind, strips.each, strips.size
    predictor = strips.directory.value(tags.PREDICTOR, 1) if kind.coding not in (kinds.NONE, kinds.WEBP) else 1
    shape = len(rows), width, each
    if predictor == _FLOATING_POINT:  # the highest bytes of all samples, then the next ones; of each, the difference
        summed = np.cumsum(rows.reshape(len(rows), -1, each), axis=1, dtype=np.uint8)
        of_one = np.moveaxis(summed.reshape(len(rows), kind.bits // 8, width * each), 1, -1)
        return _as_format(_joined(of_one, "big").reshape(shape), kind)
    numbers = _unpacked(rows, kind.bits, strips.directory.order, width * each).reshape(shape)
    if predictor == _DIFFERENCE:
        numbers = np.cumsum(numbers, axis=1, dtype=numbers.dtype)
        if kind.bits not in (8, 16, 32, 64):
            numbers &= numbers.dtype.type((1 << kind.bits) - 1)
    return _as_format(numbers, kind)


def _unpacked(rows: Bytes, bits: int, order: str, count: int) -> Numbers:
    """Unsigned numbers (rows, count) of a width in bits; of those that are no whole bytes, the highest bit is first."""
    if bits % 8 == 0:
        return _joined(rows.reshape(len(rows), count, bits // 8), order)
    starts = np.arange(count) * bits
    first, skipped = starts >> 3, (starts & 7).astype(np.uint32)
    padded = np.pad(rows, ((0, 0), (0, 2)))
    three = (padded[:, first].astype(np.uint32) << 16) | (padded[:, first + 1].astype(np.uint32) << 8)
    three |= padded[:, first + 2]
    return ((three >> (24 - bits - skipped)) & ((1 << bits) - 1)).astype(np.uint16)


def _joined(parts: Bytes, order: str) -> Numbers:
    """Unsigned numbers, of which the last axis has the bytes."""
    size = parts.shape[-1]
    if size == 3:  # for which NumPy has no type
        high, middle, low = (parts[..., i].astype(np.uint32) for i in ((0, 1, 2) if order == "big" else (2, 1, 0)))
        return (high << 16) | (middle << 8) | low
    kind = np.dtype(f"u{size}").newbyteorder("<" if order == "little" else ">")
    return np.ascontiguousarray(parts).view(kind)[..., 0].astype(kind.newbyteorder("="))


def _as_format(numbers: Numbers, kind: Kind) -> Numbers:
    """Unsigned numbers as what their bits mean."""
    if kind.format == kinds.SIGNED:
        return numbers.view(f"i{kind.bits // 8}")
    if kind.format != kinds.FLOAT:
        return numbers
    if kind.bits != 24:  # which are a sign, 7 bits of exponent and 16 of fraction
        return numbers.view(f"f{kind.bits // 8}")
    exponent = (numbers >> 16) & 0x7F
    wide = (numbers >> 23) << 31 | np.where(exponent == 0, 0, exponent + 64) << 23 | (numbers & 0xFFFF) << 7
    return np.asarray(wide, np.uint32).view(np.float32)
