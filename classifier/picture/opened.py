"""An image that Pillow has opened: the file behind it, as long as nothing has changed, and its pixels."""

from __future__ import annotations

import threading

from PIL import Image, ImageFile

from classifier.machine import forks

_LOCKS = 64
# JPEGs can be decoded no larger than needed; Pillow leaves out what files of the others say of their crop and colours,
# and gets the pixels of some TIFFs wrong.
_JPEGS = ("JPEG", "MPO")  # as Pillow calls one with further pictures behind it, such as phones write
_FORMATS = (*_JPEGS, "PNG", "AVIF", "HEIF", "TIFF")


class _Locks:
    """A lock for each of the images that are in use at a time, or nearly.

    Pillow loads an image when its pixels are first asked for, and does not expect two threads to ask at once: one of
    them fails, or gets what is loaded so far. A list of pictures may have the same image twice.
    """

    def __init__(self) -> None:
        self.forked()
        forks.renew(self)

    def forked(self) -> None:
        """See `forks`."""
        self._locks = [threading.Lock() for _ in range(_LOCKS)]

    def of(self, image: Image.Image) -> threading.Lock:
        """The lock of an image; another image may have the same one."""
        return self._locks[id(image) // 16 % _LOCKS]  # objects lie at multiples of 16


_locks = _Locks()


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
    drafted = getattr(image, "decoderconfig", ()) if image.format in _JPEGS else ()
    if drafted or not (image.tile or image.format == "HEIF"):  # pi-heif has no tiles, and no `fp` once it is loaded
        return None
    with _locks.of(image):
        try:
            place = image.fp.tell()
            image.fp.seek(0)
            data = image.fp.read(max_bytes + 1)
            image.fp.seek(place)
        except (AttributeError, OSError, ValueError):  # another thread has loaded it, or its file was closed
            return None
    return data if len(data) <= max_bytes else None


def loaded_copy(image: Image.Image) -> Image.Image:
    """A copy of an image, which is loaded if it was not."""
    with _locks.of(image):
        return image.copy()
