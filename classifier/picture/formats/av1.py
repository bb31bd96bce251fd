"""The colours that an AV1 sequence header gives (AV1 Bitstream & Decoding Process Specification, 5.5)."""

from __future__ import annotations

from classifier.picture.formats.base import Cicp
from classifier.picture.formats.bits import Bits

_SEQUENCE_HEADER = 1
_UNITS = 10  # before it; there is one, a temporal delimiter
_BYTES = 300  # of a header; ordinary ones have 10 to 30


def colours(data: bytes) -> Cicp | None:
    """The code points in the start of a coded picture, if it gives them."""
    at = 0
    for _ in range(_UNITS):
        head = data[at : at + 1]
        if not head or not head[0] & 2:  # a unit that does not say its size ends the data
            return None
        kind, at = head[0] >> 3 & 15, at + (2 if head[0] & 4 else 1)
        size = shift = 0
        for byte in data[at : at + 8]:
            size |= (byte & 127) << shift
            shift, at = shift + 7, at + 1
            if byte < 128:
                break
        if kind == _SEQUENCE_HEADER:
            return _of_header(Bits(data[at : at + min(size, _BYTES)]))
        at += size
    return None


def _of_header(bits: Bits) -> Cicp | None:
    profile, _, reduced = bits(3), bits(), bits()
    if reduced:
        bits(5)
    else:
        _skip_operating_points(bits)
    width, height = bits(4) + 1, bits(4) + 1
    bits(width + height)
    if not reduced and bits():
        bits(7)
    bits(3)
    if not reduced:
        _skip_tools(bits)
    bits(3)
    if bits() and profile == 2:
        bits()
    if profile != 1:
        bits()
    told, primaries, transfer = bits(), bits(8), bits(8)
    return Cicp(primaries, transfer) if told and not bits.ended else None


def _skip_operating_points(bits: Bits) -> None:
    model = delay = 0
    if bits():  # timing
        bits(64)
        if bits():
            bits.golomb()
        model = bits()
        if model:
            delay = bits(5) + 1
            bits(42)
    display = bits()
    for _ in range(bits(5) + 1):
        bits(12)
        if bits(5) > 7:
            bits()
        if model and bits():
            bits(2 * delay + 1)
        if display and bits():
            bits(4)


def _skip_tools(bits: Bits) -> None:
    bits(4)
    order = bits()
    if order:
        bits(2)
    if (bits() or bits()) and not bits():
        bits()
    if order:
        bits(3)
