"""GIF: blocks, some of them before the first frame (https://www.w3.org/Graphics/GIF/spec-gif89a.txt)."""

from __future__ import annotations

from classifier.picture.formats.base import Format, starts_with

_BLOCKS = 20_000  # blocks before the first frame, such as comments, of up to 255 bytes each


def _too_many_parts(data: bytes) -> bool:
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
        else:  # unknown bytes are skipped one by one
            in_extension = byte == ord("!")
            position += 2 if in_extension else 1
    return True


GIF = Format(
    name="GIF",
    endings=(".gif",),
    matches=starts_with(b"GIF87a", b"GIF89a"),
    plugin="PIL.GifImagePlugin",
    too_many_parts=_too_many_parts,
)
