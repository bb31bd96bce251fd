"""The file behind an image that Pillow has opened and nothing has changed yet."""

from __future__ import annotations

from PIL import Image, ImageFile

# JPEGs can be decoded no larger than needed; Pillow leaves out what files of the others say of their crop and colours,
# and gets the pixels of some TIFFs wrong.
_FORMATS = ("JPEG", "PNG", "AVIF", "HEIF", "TIFF")


def file_of(image: Image.Image, max_bytes: int) -> bytes | None:
    """The file of a picture that is as Pillow opened it, for formats that are better read from their file.

    Args:
        image: stays as it is.
        max_bytes: the most bytes of such a file.

    Returns:
        None if it was loaded, drafted or moved to another picture of its file, or its file is gone or too large.
    """
    if not isinstance(image, ImageFile.ImageFile) or image.format not in _FORMATS or not image.fp or image.tell():
        return None
    drafted = getattr(image, "decoderconfig", ()) if image.format == "JPEG" else ()
    if drafted or not (image.tile or image.format == "HEIF"):  # pi-heif has no tiles, and no `fp` once it is loaded
        return None
    try:
        place = image.fp.tell()
        image.fp.seek(0)
        data = image.fp.read(max_bytes + 1)
        image.fp.seek(place)
    except (OSError, ValueError):
        return None
    return data if len(data) <= max_bytes else None
