"""The file behind an image that Pillow has opened and nothing has changed yet."""

from __future__ import annotations

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile


def file_of(image: Image.Image, max_bytes: int) -> bytes | None:
    """The file of a JPEG or TIFF that is as Pillow opened it.

    So a JPEG can be decoded no larger than needed, and a TIFF whose pixels Pillow gets wrong is read right.

    Args:
        image: stays as it is.
        max_bytes: the most bytes of such a file.

    Returns:
        None if it was loaded, drafted or moved to another picture of its file, or its file is gone or too large.
    """
    drafted = getattr(image, "decoderconfig", ())
    if (
        not isinstance(image, (JpegImageFile, TiffImageFile))
        or not image.tile
        or drafted
        or image.tell()
        or not image.fp
    ):
        return None
    try:
        place = image.fp.tell()
        image.fp.seek(0)
        data = image.fp.read(max_bytes + 1)
        image.fp.seek(place)
    except (OSError, ValueError):
        return None
    return data if len(data) <= max_bytes else None
