"""The limits for pictures. Kept apart from `decode`, so that reading the settings needs no decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from classifier.picture.formats import FORMATS
from classifier.picture.formats.base import BYTES_PER_PIXEL

_WORKING = 12_000_000  # bytes of memory that even a small picture takes


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for a picture's file.

    Attributes:
        max_bytes: the most bytes.
        max_pixels: the most pixels.
        formats: those of `formats.FORMATS` that are allowed.
        memory: bytes that decoding one file may take; no limit if None.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 64_000_000
    formats: Sequence[str] = FORMATS
    memory: int | None = None


def pixels_within(memory: int, bytes_per_pixel: float = BYTES_PER_PIXEL) -> int:
    """The pixels of the largest picture that can be decoded.

    Args:
        memory: bytes that decoding it may take.
        bytes_per_pixel: memory per pixel, as the record of its format says; by default what most formats take.
    """
    return max(0, int((memory - _WORKING) / bytes_per_pixel))
