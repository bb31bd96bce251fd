"""All formats that can be read, one record each: for a new one, add a module here and its record to `TABLE`.

Importing this package imports neither Pillow nor NumPy; see `base`.
"""

from __future__ import annotations

from collections.abc import Mapping

from classifier.picture.formats import raw
from classifier.picture.formats.base import Format
from classifier.picture.formats.bmp import BMP
from classifier.picture.formats.gif import GIF
from classifier.picture.formats.heif import AVIF, HEIC
from classifier.picture.formats.jpeg import JPEG
from classifier.picture.formats.png import PNG
from classifier.picture.formats.tiff import TIFF
from classifier.picture.formats.webp import WEBP

TABLE: Mapping[str, Format] = {kind.name: kind for kind in (JPEG, PNG, WEBP, GIF, BMP, TIFF, AVIF, HEIC)}
"""The records by name, in the order in which the names are listed for people and files are matched."""

FORMATS = tuple(TABLE)
"""The names of all formats."""

ENDINGS = tuple(ending for kind in TABLE.values() for ending in kind.endings)
"""The endings of file names for folder listings and tables, such as ".jpg"; decoding never trusts them."""


def sniff(data: bytes) -> Format | None:
    """The format of a file by its first bytes, or None."""
    return next((kind for kind in TABLE.values() if kind.matches(data)), None)


def unread_kind(data: bytes) -> str:
    """The name of a kind of file that is a picture, though of none of these formats; "" if it is not known."""
    kind = raw.other_kind(data)
    return f"camera raw file ({kind})" if kind else ""
