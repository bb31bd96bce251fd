"""Whether a file and its picture are within the limits, as far as that can be told before pixels are decoded."""

from __future__ import annotations

import math

from classifier.errors import (
    BrokenImageError,
    EmptyImageError,
    NoMemoryError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnsupportedFormatError,
    UnsupportedKindError,
)
from classifier.picture.formats import sniff, unread_kind
from classifier.picture.formats.base import Cost, Format, Size
from classifier.picture.limits import Limits, pixels_within

# The most pixels along a side that a JPEG can have. The limit is for all formats: Pillow keeps a pointer per row, so a
# picture that is one pixel wide takes ten times the memory of its pixels.
_MAX_SIDE = 65_535


def checked_format(data: bytes, limits: Limits) -> Format:
    """The file's format, after all checks that are possible before a decoder opens the file."""
    if len(data) > limits.max_bytes:
        raise TooManyBytesError(limit=limits.max_bytes)
    kind = sniff(data)
    if kind is None and (unread := unread_kind(data)):
        raise UnsupportedKindError(kind=unread)
    if kind is None or kind.name not in limits.formats:
        raise UnsupportedFormatError(formats=list(limits.formats))
    if kind.too_many_parts(data):
        raise TooComplexError(format=kind.name)
    if kind.crashes_decoder(data) or kind.wrong_pixels(data):
        raise BrokenImageError(format=kind.name)
    if kind.header_size:
        check_memory(kind.header_size(data), Cost(kind.name, kind.bytes_per_pixel), limits, len(data))
    return kind


def check_size(size: Size, limits: Limits) -> None:
    """Refuses a picture with more pixels than the limits allow, or with none."""
    width, height = size
    if width * height > limits.max_pixels or max(width, height) > _MAX_SIDE:
        raise too_many_pixels(limits, str(width), str(height))
    if width < 1 or height < 1:
        raise EmptyImageError


def too_many_pixels(limits: Limits, *size: str) -> TooManyPixelsError:
    """The error for such a picture.

    Args:
        limits: the limits for it.
        size: width and height, or how many pixels they are.
    """
    return TooManyPixelsError(size=list(size), limit=limits.max_pixels, side=_MAX_SIDE)


def check_memory(size: Size, cost: Cost, limits: Limits, length: int) -> None:
    """Refuses a picture that does not fit into the memory that its file, of `length` bytes, leaves."""
    if limits.memory is None:
        return
    most = pixels_within(limits.memory - length, cost.bytes_per_pixel)
    if math.prod(size) > most:
        raise NoMemoryError(size=[*map(str, size)], kind=cost.kind, limit=most)
