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


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may be: at most `max_bytes`, at most `max_pixels`, in one of `formats` (see FORMATS)."""

    max_bytes: int = 20_000_000
    max_pixels: int = 50_000_000
    formats: Sequence[str] = FORMATS
