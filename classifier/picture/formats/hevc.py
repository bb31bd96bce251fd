"""The colours that HEVC's sequence parameter set gives (ITU-T H.265, 7.3.2.2, 7.3.4, 7.3.7 and E.2.1)."""

from __future__ import annotations

from classifier.picture.formats.base import Cicp
from classifier.picture.formats.bits import Bits

_HEAD = 22  # bytes of a decoder's configuration (`hvcC`) before its lists of units
_SPS = 33
_BYTES = 1_000  # of a set; ordinary ones have 40 to 100
_UNITS = 64  # in a configuration; ordinary ones have 3
_SETS, _PICTURES = 64, 16  # of references; the most that the standard allows
_LAYERS = 8


def colours(configuration: bytes) -> Cicp | None:
    """The code points in a decoder's configuration, if it gives them."""
    at = _HEAD + 1
    left = _UNITS
    for _ in range(min(int.from_bytes(configuration[_HEAD:at], "big"), _UNITS)):
        kind = int.from_bytes(configuration[at : at + 1], "big") & 63
        count, at = int.from_bytes(configuration[at + 1 : at + 3], "big"), at + 3
        for _ in range(min(count, left)):
            size = int.from_bytes(configuration[at : at + 2], "big")
            if kind == _SPS:
                unit = configuration[at + 4 : at + 2 + min(size, _BYTES)]
                return _of_set(Bits(unit.replace(b"\0\0\3", b"\0\0")))
            at += 2 + size
        left -= min(count, left)
    return None


def _of_set(bits: Bits) -> Cicp | None:
    bits(4)
    layers = bits(3)
    bits()
    _skip_profile(bits, layers)
    bits.golomb()
    if bits.golomb() == 3:
        bits()
    for _ in range(2):
        bits.golomb()
    _skip_numbers(bits, 4 if bits() else 0)
    _skip_numbers(bits, 2)
    order = bits.golomb() + 4
    _skip_numbers(bits, 3 * (layers + 1 if bits() else 1))
    _skip_numbers(bits, 6)
    if bits() and bits():
        _skip_scaling(bits)
    bits(2)
    if bits():
        bits(8)
        _skip_numbers(bits, 2)
        bits()
    _skip_references(bits)
    if bits():
        for _ in range(min(bits.golomb(), 2 * _PICTURES)):
            bits(min(order, 16) + 1)
    bits(2)
    return _of_usability(bits) if bits() else None


def _of_usability(bits: Bits) -> Cicp | None:
    """From the start of the video usability information."""
    if bits() and bits(8) == 255:
        bits(32)
    if bits():
        bits()
    if not bits():
        return None
    bits(4)
    told, primaries, transfer = bits(), bits(8), bits(8)
    return Cicp(primaries, transfer) if told and not bits.ended else None


def _skip_numbers(bits: Bits, count: int) -> None:
    for _ in range(count):
        bits.golomb()


def _skip_profile(bits: Bits, layers: int) -> None:
    bits(96)
    present = [(bits(), bits()) for _ in range(layers)]
    if layers:
        bits(2 * (_LAYERS - layers))
    for profile, level in present:
        bits(88 * profile + 8 * level)


def _skip_scaling(bits: Bits) -> None:
    for size in range(4):
        for _ in range(2 if size == 3 else 6):
            if bits():
                _skip_numbers(bits, min(64, 16 << 2 * size) + (size > 1))
            else:
                bits.golomb()


def _skip_references(bits: Bits) -> None:
    pictures = 0  # in the set before
    for number in range(min(bits.golomb(), _SETS)):
        if number and bits():
            bits()
            bits.golomb()
            pictures = sum(bits() or bits() for _ in range(pictures + 1))
            continue
        negative, positive = (min(bits.golomb(), _PICTURES) for _ in range(2))
        pictures = negative + positive
        for _ in range(pictures):
            bits.golomb()
            bits()
