"""What a picture may be given as, and its content."""

from __future__ import annotations

import os
from typing import BinaryIO

from PIL import Image

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image
"""A path, the bytes of a file, a binary file object or a PIL image."""


def content(source: Source, max_bytes: int) -> bytes | Image.Image:
    """The picture's bytes; of a file at most one byte more than allowed, enough to notice that it is too large.

    Raises:
        OSError: a path that cannot be read.
    """
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            return file.read(max_bytes + 1)
    return source.read(max_bytes + 1)
