"""BMP: rows of pixels, or run lengths of them (BITMAPINFOHEADER, compression 1 and 2).

The kinds that Pillow does not know but other programs write are made into one that it does: pixels of any bit masks,
of two bits, and headers of OS/2 that are shorter than that of Windows.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from classifier.picture.formats.base import ENOUGH, CutOff, Format, Shown, There, starts_with

_RUNS_BYTES, _RUNS_PIXELS = 2_000_000, 4_000_000  # of a run-length encoded file; Pillow decodes runs one by one
_START = 14  # of the header, behind that of the file
_PLAIN, _MASKS, _ALPHA_MASKS = 0, 3, 6  # compressions
_STRIP = 1 << 18  # pixels that are converted at a time
_BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)

# Red, green, blue and alpha of what Pillow reads itself.
_KNOWN = {
    (16, (0xF800, 0x7E0, 0x1F, 0)),
    (16, (0x7C00, 0x3E0, 0x1F, 0)),
    (32, (0xFF0000, 0xFF00, 0xFF, 0)),
    (32, _BGRA),
    (32, (0xFF, 0xFF00, 0xFF0000, 0xFF000000)),
}
_COMPRESSED = {
    4: "BMP with a JPEG inside, or with 24-bit run lengths",
    5: "BMP with a PNG inside",
    11: "BMP in CMYK",
    12: "BMP in CMYK",
    13: "BMP in CMYK",
}


class _Header(NamedTuple):
    """The first fields of a BITMAPINFOHEADER."""

    size: int
    width: int
    height: int
    planes: int
    bits: int
    compression: int


def _header(data: bytes) -> _Header | None:
    """The header; None for a shorter one, which has other fields."""
    if len(data) < _START + 40 or int.from_bytes(data[_START : _START + 4], "little") < 40:
        return None
    return _Header(*struct.unpack_from("<IiiHHI", data, _START))


def _too_many_parts(data: bytes) -> bool:
    header = _header(data)
    if not header or header.compression not in (1, 2):
        return False
    return len(data) > _RUNS_BYTES or abs(header.width * header.height) > _RUNS_PIXELS


def _as_known(data: bytes) -> bytes:
    """The file as one of a kind that Pillow reads; itself if it is one, or is of none that could be made into one."""
    size, offset = (int.from_bytes(data[at : at + 4], "little") for at in (_START, 10))
    if 16 <= size < 40 and len(data) > _START + size:  # the fields that are left out of OS/2's header are 0
        head = struct.pack("<I", 40) + data[_START + 4 : _START + size].ljust(36, b"\0")
        data = data[:10] + struct.pack("<I", offset + 40 - size) + head + data[_START + size :]
    header = _header(data)
    if not header or header.width <= 0 or not header.height:
        return data
    if header.bits <= 8 and int.from_bytes(data[46:50], "little") > 1 << header.bits:  # more colours than there can be
        data = data[:46] + bytes(4) + data[50:]
    if header.bits == 2 and header.compression == _PLAIN:
        return _of_eight_bits(data, header)
    if header.bits in (16, 32) and header.compression in (_MASKS, _ALPHA_MASKS):
        return _of_bytes(data, header)
    return data


def _of_eight_bits(data: bytes, header: _Header) -> bytes:
    """A picture of two bits per pixel with eight."""
    import numpy as np  # not at the top: see `base`

    offset, stride = int.from_bytes(data[10:14], "little"), (header.width + 15) // 16 * 4
    rows = np.frombuffer(data[offset : offset + stride * abs(header.height)], np.uint8)
    if rows.size != stride * abs(header.height):
        return data
    pixels = np.stack([rows >> shift & 3 for shift in (6, 4, 2, 0)], axis=-1).reshape(abs(header.height), -1)
    colours = int.from_bytes(data[46:50], "little") or 4
    start = _START + header.size
    palette = data[start : start + 4 * colours].ljust(4 * colours, b"\0")
    fields = struct.pack("<IiiHHI", 40, *header[1:4], 8, _PLAIN) + bytes(12) + struct.pack("<II", colours, 0)
    return _file(fields + palette, pixels[:, : (header.width + 3) // 4 * 4].tobytes())


def _of_bytes(data: bytes, header: _Header) -> bytes:
    """A picture whose channels are any bits of a pixel, with a byte for each."""
    import numpy as np  # not at the top: see `base`

    has_alpha = header.size >= 56 or (header.size == 40 and header.compression == _ALPHA_MASKS)
    masks = struct.unpack_from("<4I", data.ljust(70, b"\0"), _START + 40)
    if not has_alpha:
        masks = (*masks[:3], 0)
    offset, rows = int.from_bytes(data[10:14], "little"), abs(header.height)
    stride = (header.width * header.bits + 31) // 32 * 4
    known = header.compression == _MASKS and (header.bits, masks) in _KNOWN
    if known or not any(masks[:3]) or len(data) < offset + stride * rows:
        return data
    lines = np.frombuffer(data, np.uint8, stride * rows, offset).reshape(rows, stride)
    result = np.empty((rows, header.width, 4), np.uint8)
    step = max(1, _STRIP // header.width)
    for top in range(0, rows, step):
        part = np.ascontiguousarray(lines[top : top + step]).view(f"<u{header.bits // 8}")[:, : header.width]
        values = part.astype(np.uint64)
        for channel, mask in enumerate((masks[2], masks[1], masks[0], masks[3])):
            if not mask:
                result[top : top + step, :, channel] = 0
                continue
            shift = (mask & -mask).bit_length() - 1
            most = mask >> shift
            scaled = ((values & mask) >> shift) * 255 + most // 2
            result[top : top + step, :, channel] = scaled // most
    if not result[..., 3].any():  # no mask for alpha, or a program that left it out
        result[..., 3] = 255
    fields = struct.pack("<IiiHHI", 108, *header[1:4], 32, _MASKS) + bytes(20) + struct.pack("<4I", *_BGRA)
    return _file(fields.ljust(108, b"\0"), result.data)


def _cut_off(data: bytes) -> CutOff | None:
    """The file with zeros in place of what it lacks, which may be no more than what pads its last row."""
    header = _header(data)
    if not header or header.compression not in (_PLAIN, _MASKS, _ALPHA_MASKS) or header.width <= 0:
        return None
    offset, stride = int.from_bytes(data[10:14], "little"), (header.width * header.bits + 31) // 32 * 4
    height, have = abs(header.height), len(data) - offset
    missing = stride * height - have
    if missing <= 0 or have < 0:
        return None
    rows = have // stride + (have % stride >= (header.width * header.bits + 7) // 8)
    there = There(rows, (header.width, height), have / (stride * height) if rows < height else 1.0)
    return CutOff(b"" if there.share < ENOUGH else data + bytes(missing), there=there, doubtful=True)


def _file(head: bytes, pixels: bytes | memoryview) -> bytes:
    """A file of a header, with masks or palette behind it, and pixels."""
    start = _START + len(head)
    return b"".join([b"BM", struct.pack("<IHHI", 0, 0, 0, start), head, pixels])


def _unread_kind(data: bytes) -> str:
    """The name of a kind that Pillow does not know, by the header."""
    header = _header(data)
    if not header:
        return ""
    if header.compression == _MASKS and header.bits == 1:
        return "BMP with Huffman coding"
    if header.compression in _COMPRESSED:
        return _COMPRESSED[header.compression]
    return "64-bit BMP" if header.bits == 64 else ""


BMP = Format(
    name="BMP",
    endings=(".bmp", ".dib"),
    matches=starts_with(b"BM"),
    plugin="PIL.BmpImagePlugin",
    too_many_parts=_too_many_parts,
    cut_off=_cut_off,
    shown=lambda data: Shown(_as_known(data)),
    unread_kind=_unread_kind,
)
