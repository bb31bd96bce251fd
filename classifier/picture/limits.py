"""What a picture may be. Apart from `imaging`, so that reading the settings needs no decoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIC")
"""Formats that can be read, by the names their users know."""

EXTENSIONS = (
    *("jpg", "jpeg", "jfif", "png", "webp", "gif", "bmp", "tif", "tiff"),
    *("avif", "heic", "heif"),
)
"""File name endings for file dialogs and folder listings; decoding never trusts them."""


# Bytes of memory per pixel that decoding takes, a little more than what was measured at 50 million pixels: JPEGs that
# are decoded smaller 0.1, or 3 if progressive, WebP 15.2, AVIF up to 12.8, others up to 4.3.
_COST = {"sequential JPEG": 0.2, "progressive JPEG": 3.2, "WEBP": 16.0, "AVIF": 13.5, "HEIC": 13.5}
_USUAL_COST = 4.5
_WORKING = 12_000_000  # bytes that even a small picture takes


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be.

    Attributes:
        max_bytes: the most bytes.
        max_pixels: the most pixels.
        formats: those of FORMATS that are allowed.
        memory: bytes that decoding one file may take; not looked at if None.
    """

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    formats: Sequence[str] = FORMATS
    memory: int | None = None


def millions(amount: int) -> str:
    """An amount in millions, as people are told it: three digits, rounded down, so that as much is really allowed."""
    step = 10 ** max(0, len(str(amount)) - 3)
    return f"{amount // step * step / 1e6:g}"


def pixels_within(memory: int, kind: str = "") -> int:
    """The pixels of the largest picture that can be decoded.

    Args:
        memory: bytes that it may take.
        kind: its format; most are alike.
    """
    return max(0, int((memory - _WORKING) / _COST.get(kind, _USUAL_COST)))
