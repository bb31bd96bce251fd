"""PNG: a list of chunks (https://www.w3.org/TR/png-3/#5DataRep)."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from classifier.picture.formats.base import ENOUGH, Cicp, CutOff, Format, Shown, There, starts_with

_UNIT = 10_000  # of light, per nit
_CHUNKS = 20_000  # 20 MB are 2,400 chunks of 8 kB, as libpng writes them
_HEAD, _CHECKSUM = 8, 4  # bytes of a chunk around its content
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_SPARE = 16  # bytes beside the pixels: a row has one, or one in each of seven passes
_STEP = 1 << 16  # bytes that are decompressed at a time, and to
_MOST_BYTES = 1 << 30  # of pixels: 134 million of the largest kind, 16 bits in four channels
_MOST_MENDED = 1 << 27  # of pixels of a file that lacks its end: 44 million of 8 bits in three channels; a second
_NAME = re.compile(rb"\w{4}")  # which Pillow takes, though only letters are allowed
_ANCILLARY = 0x20  # in the first byte of a name: a picture can be shown without such a chunk
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"pHYs": 9, b"acTL": 8, b"fcTL": 26}
_TRANSPARENT = {0: 2, 2: 6, 3: -1}  # bytes of tRNS by colour type; with a palette up to one for each colour
_MOST_PROFILE = 8 << 20  # bytes; those of printers and scanners have up to 3 million


class _Chunk(NamedTuple):
    name: bytes
    start: int
    end: int

    @property
    def length(self) -> int:
        """Bytes of its content."""
        return self.end - self.start - _HEAD - _CHECKSUM


def _chunks(data: bytes) -> Iterator[_Chunk]:
    """The chunks before the end, or before what is no chunk; those included that the file does not have in full."""
    position = 8
    for _ in range(_CHUNKS):
        name = data[position + 4 : position + _HEAD]
        if len(name) < 4 or name == b"IEND" or not _NAME.fullmatch(name):
            return
        end = position + _HEAD + int.from_bytes(data[position : position + 4], "big") + _CHECKSUM
        yield _Chunk(name, position, end)
        position = end


def _too_many_parts(data: bytes) -> bool:
    return sum(1 for _ in _chunks(data)) == _CHUNKS


def _without_wrong_chunks(data: bytes) -> bytes:
    """The file without the ancillary chunks that are not as they should be, which browsers leave out, too.

    A wrong one of a chunk that the picture needs (IHDR, PLTE) stays for the decoder to refuse.
    """
    ancillary = [one for one in _chunks(data) if one.name[0] & _ANCILLARY]
    palette = next((one.length // 3 for one in _chunks(data) if one.name == b"PLTE"), 0)
    wrong = {one for one in ancillary if _is_wrong(data, one) or not _is_sound(data, one, palette)}
    animation = [one for one in ancillary if one.name in _ANIMATION]
    if wrong.intersection(animation) or not _is_film(data, animation):
        wrong.update(animation)  # what is left is its first picture
    if not wrong:
        return data
    parts, position = [], 0
    for one in sorted(wrong, key=lambda one: one.start):
        parts.append(memoryview(data)[position : one.start])
        position = one.end
    return b"".join([*parts, memoryview(data)[position:]])


def _is_sound(data: bytes, chunk: _Chunk, palette: int) -> bool:
    """Whether an ancillary chunk that Pillow reads has the form that the standard gives it.

    Texts that are compressed are as good as unsound: nobody asks for them, and Pillow refuses large ones.
    """
    if chunk.name in _LENGTHS:
        return chunk.length == _LENGTHS[chunk.name]
    if chunk.name == b"zTXt":
        return False
    content = data[chunk.start + _HEAD : chunk.end - _CHECKSUM]
    if chunk.name == b"iTXt":
        return content.partition(b"\0")[2][:1] != b"\1"
    if chunk.name == b"iCCP":
        return _is_profile(content)
    if chunk.name == b"tRNS":
        expected = _TRANSPARENT.get(int.from_bytes(data[25:26], "big"), len(content))
        return len(content) == expected or 0 < len(content) <= palette
    return True


def _is_profile(content: bytes) -> bool:
    _, named, packed = content[:81].partition(b"\0")
    if not named or packed[:1] != b"\0":
        return False
    stream = zlib.decompressobj()
    with suppress(zlib.error):  # Pillow goes on without it
        stream.decompress(content[content.index(b"\0") + 2 :], _MOST_PROFILE)
    return not stream.unconsumed_tail


def _is_film(data: bytes, animation: list[_Chunk]) -> bool:
    """Whether the chunks of an animation follow each other as Pillow wants it; there may be none."""
    if not animation:
        return True
    numbers = [data[one.start + _HEAD : one.start + _HEAD + 4] for one in animation[1:]]
    return animation[0].name == b"acTL" and all(
        one.name != b"acTL" and int.from_bytes(number, "big") == place
        for place, (one, number) in enumerate(zip(animation[1:], numbers, strict=True))
    )


def _is_wrong(data: bytes, chunk: _Chunk) -> bool:
    """Whether its checksum is not that of its name and content."""
    if not chunk.name.isalpha() or chunk.end > len(data):
        return False
    found = zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.end - _CHECKSUM])
    return data[chunk.end - _CHECKSUM : chunk.end] != struct.pack(">I", found)


def _wrong_pixels(data: bytes) -> bool:
    """Whether the checksum of a chunk with pixels (IDAT) is wrong, and theirs (Adler-32), which is behind them, too.

    Pillow looks at neither of both reliably, and would decode whatever came of a few flipped bits.
    """
    chunks = [one for one in _chunks(data) if one.name == b"IDAT"]
    if data[12:16] != b"IHDR" or not any(_is_wrong(data, one) for one in chunks):
        return False
    width, height, depth, colours = struct.unpack(">IIBB", data[16:26])
    most = height * (width * depth * _CHANNELS.get(colours, 4) // 8 + _SPARE) + _SPARE
    if most > _MOST_BYTES:  # refused for its size
        return False
    stream = zlib.decompressobj()
    try:
        for _ in _inflated(stream, data, chunks, most):
            pass
    except zlib.error:
        return True
    return not stream.eof


def _inflated(stream: Any, data: bytes, chunks: Iterable[_Chunk], most: int) -> Iterator[bytes]:
    """The bytes that a decompressor gives of these chunks, a little at a time, until there are at least so many."""
    for chunk in chunks:
        for start in range(chunk.start + _HEAD, chunk.end - _CHECKSUM, _STEP):
            part = data[start : min(start + _STEP, chunk.end - _CHECKSUM)]
            while part and most > 0 and not stream.eof:
                piece = stream.decompress(part, _STEP)
                most -= len(piece)
                yield piece
                part = stream.unconsumed_tail


def _cut_off(data: bytes) -> CutOff | None:
    """The file with empty rows in place of those that it lacks; None if they do not come in order (Adam7)."""
    chunks = list(_chunks(data))
    pixels = [one for one in chunks if one.name == b"IDAT"]
    if not pixels or data[chunks[-1].end + 4 : chunks[-1].end + _HEAD] == b"IEND" or data[12:16] != b"IHDR":
        return None
    width, height, depth, colours, interlaced = struct.unpack(">IIBB2xB", data[16:29])
    row = 1 + (width * depth * _CHANNELS.get(colours, 4) + 7) // 8
    if interlaced or not 0 < row * height <= _MOST_MENDED:
        return None
    packed = zlib.compressobj(1)
    parts, count = [], 0
    with suppress(zlib.error):
        for piece in _inflated(zlib.decompressobj(), data, pixels, row * height):
            count += len(piece)
            parts.append(packed.compress(piece))
    there = There(min(count // row, height), (width, height), min(count / (row * height), 1.0))
    if there.rows == height:
        return None
    if there.share < ENOUGH:
        return CutOff(b"", there=there)
    body = b"".join([*parts, packed.compress(bytes(row * height - count)), packed.flush()])
    return CutOff(data[: pixels[0].start] + _chunk(b"IDAT", body) + _chunk(b"IEND", b""), there=there)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _shown(data: bytes) -> Shown:
    """The colours that a chunk cICP gives, and the brightest pixel after cLLI or else mDCV."""
    data = _without_wrong_chunks(data)
    found: dict[bytes, bytes] = {}
    for chunk in _chunks(data):
        if chunk.name in (b"PLTE", b"IDAT"):
            break
        if chunk.name in (b"cICP", b"cLLI", b"mDCV"):
            found.setdefault(chunk.name, data[chunk.start + _HEAD : chunk.end - _CHECKSUM])
    points = found.get(b"cICP", b"")
    # RGB in full range; all else is not allowed, or not known to browsers
    if len(points) < 4 or points[2:4] != b"\0\1":
        return Shown(data)
    peak = int.from_bytes(found.get(b"cLLI", b"")[:4], "big") or int.from_bytes(found.get(b"mDCV", b"")[16:20], "big")
    return Shown(data, cicp=Cicp(points[0], points[1], peak / _UNIT or None))


def _take_large_profiles() -> None:
    """Pillow's limit for what is compressed in a chunk holds for profiles, too, and is 1 MB."""
    from PIL import PngImagePlugin  # not at the top: see `base`

    PngImagePlugin.MAX_TEXT_CHUNK = _MOST_PROFILE


PNG = Format(
    name="PNG",
    endings=(".png", ".apng"),
    matches=starts_with(b"\x89PNG\r\n\x1a\n"),
    is_animated=lambda image, data: bool(getattr(image, "is_animated", False)),
    plugin="PIL.PngImagePlugin",
    register=_take_large_profiles,
    too_many_parts=_too_many_parts,
    wrong_pixels=_wrong_pixels,
    cut_off=_cut_off,
    shown=_shown,
)
