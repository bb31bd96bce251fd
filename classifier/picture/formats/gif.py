"""GIF: blocks, some of them before the first frame (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from classifier.picture.formats.base import Format, starts_with

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_BLOCKS = 20_000  # blocks before the first frame, such as comments, of up to 255 bytes each
_ALL_BLOCKS = 200_000  # blocks of all frames; 20 MB are 80,000 of full length


def _too_many_parts(data: bytes) -> bool:
    return _frames(data, _BLOCKS, 1) is None


def _is_animated(image: ImageFile, data: bytes) -> bool:
    return (_frames(data, _ALL_BLOCKS, sys.maxsize) or 0) > 1


def _frames(data: bytes, blocks: int, enough: int) -> int | None:
    """How many frames there are, at most `enough`; None if more than so many blocks come before them or the end."""
    position = _after_colours(data, 10, 13)
    frames, inside = 0, False
    for _ in range(blocks):
        if frames == enough or position >= len(data):
            return frames
        byte = data[position]
        if inside:
            inside = byte > 0
            position += 1 + byte
        elif byte == ord(";"):
            return frames
        elif byte == ord(","):
            frames += 1
            inside = True
            position = _after_colours(data, position + 9, position + 10) + 1  # a byte before the pixels
        else:  # unknown bytes are skipped one by one
            inside = byte == ord("!")
            position += 2 if inside else 1
    return None


def _after_colours(data: bytes, flags_at: int, position: int) -> int:
    """The end of a table of colours at this position, if the flags say that there is one."""
    flags = data[flags_at] if len(data) > flags_at else 0
    return position + (3 * (2 << (flags & 7)) if flags & 0x80 else 0)


GIF = Format(
    name="GIF",
    endings=(".gif",),
    matches=starts_with(b"GIF87a", b"GIF89a"),
    plugin="PIL.GifImagePlugin",
    too_many_parts=_too_many_parts,
    is_animated=_is_animated,
)
