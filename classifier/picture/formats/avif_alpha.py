"""AVIF's transparency, where programs wrote it in another way than libavif reads it (ISO/IEC 23008-12, 9.3 and 6.5.3).

Three ways are mended, each without moving a byte of what the file's other parts point at: associations of properties
in several boxes, a transparent part that does not say how large it is, and one that is to be of picture 0.
"""

from __future__ import annotations

from collections.abc import Iterator

from classifier.picture.formats.items import Box, associations, boxes, in_meta, read_items

_NAMES = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
_HEAD = 8  # bytes of a box before its content
_ENTRIES = 8  # bytes of the content of `ipma` before its entries: version, flags and their number


def has_alpha(data: bytes) -> bool:
    """Whether a file says that it has a transparent part."""
    return any(name in data for name in _NAMES)


def without_alpha(data: bytes) -> bytes:
    """The file without the word that parts of it are transparent parts of others, or coded pictures at all."""
    result, items = bytearray(data), in_meta(data, b"iinf")
    transparent = list(_transparent(data))
    parts = {number for _, number in transparent}
    head = 8 if items and any(data[items.start : items.start + 1]) else 6
    for one in boxes(data, items.start + head, items.end) if items else ():
        wide = 4 if data[one.start : one.start + 1] == b"\3" else 2
        after = one.start + 4 + wide
        if one.kind == b"infe" and int.from_bytes(data[one.start + 4 : after], "big") in parts:
            result[after + 2 : after + 6] = b"none"
    for one, _ in transparent:
        result[one.start - 4 : one.start] = b"cdsc"
    return bytes(result)


def _transparent(data: bytes) -> Iterator[tuple[Box, int]]:
    """Where items are said to be transparent parts of another, and their numbers."""
    table = in_meta(data, b"iref")
    for one in boxes(data, table.start + 4, table.end) if table else ():
        wide = (one.end - one.start - 2) // 2  # bytes of a number: this one's, a count of one and the other's
        if one.kind == b"auxl" and wide in (2, 4):
            yield one, int.from_bytes(data[one.start : one.start + wide], "big")


def readable(data: bytes) -> bytes:
    """The file with its transparent part as libavif reads it; itself if it is so already, or cannot be made so."""
    if not has_alpha(data):
        return data
    return _with_size(_in_one_box(_of_a_picture(data)))


def _of_a_picture(data: bytes) -> bytes:
    """The file with the number of its picture where a transparent part says that it is one of number 0."""
    result, primary = bytearray(data), read_items(data).primary
    for one, _ in _transparent(data):
        last = one.end - (one.end - one.start - 2) // 2  # the second number, behind a count of one
        if not any(data[last : one.end]):
            result[last : one.end] = primary.to_bytes(one.end - last, "big")
    return bytes(result) if result != data else data


def _in_one_box(data: bytes) -> bytes:
    """The file with one box `ipma` at the end of `iprp` for several alike, and an empty box for what that saves."""
    parent = in_meta(data, b"iprp")
    if not parent:
        return data
    every = list(boxes(data, parent.start, parent.end))
    parts = [one for one in every if one.kind == b"ipma"]
    heads = {data[one.start : one.start + 4] for one in parts}
    short = all(int.from_bytes(data[one.start - _HEAD : one.start - 4], "big") >= _HEAD for one in (parent, *parts))
    if len(parts) < 2 or len(heads) > 1 or every[-len(parts) :] != parts or not short or parts[-1].end != parent.end:
        return data
    entries = b"".join(data[one.start + _ENTRIES : one.end] for one in parts)
    count = sum(int.from_bytes(data[one.start + 4 : one.start + _ENTRIES], "big") for one in parts)
    one = _box(b"ipma", heads.pop() + (count % (1 << 32)).to_bytes(4, "big") + entries)
    first = parts[0].start - _HEAD
    spare = parent.end - first - len(one)
    whole = _box(b"iprp", data[parent.start : first] + one) + _box(b"free", bytes(spare - _HEAD))
    return data[: parent.start - _HEAD] + whole + data[parent.end :]


def _box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + _HEAD).to_bytes(4, "big") + kind + content


def _with_size(data: bytes) -> bytes:
    """The file with the picture's size (`ispe`) for each transparent part without one, in place of its depth (`pixi`).

    The depth is in the coded data, too.
    """
    parent = in_meta(data, b"iprp")
    every = list(associations(data, parent)) if parent else []
    size = next((one.number for item in every for one in item.properties if one.box.kind == b"ispe"), 0)
    result = bytearray(data)
    for item in every:
        kinds = [one.box.kind for one in item.properties]
        fits = 0 < size < 1 << (8 * item.wide - 1)  # but for one bit, which says that a reader has to know the property
        if fits and b"auxC" in kinds and b"ispe" not in kinds and b"pixi" in kinds:
            at = item.properties[kinds.index(b"pixi")].at
            result[at : at + item.wide] = size.to_bytes(item.wide, "big")
    return bytes(result) if result != data else data
