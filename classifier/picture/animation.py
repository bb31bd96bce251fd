"""The frame of an animation that stands for it: the first that shows something.

Animations begin with a frame that is transparent or of one colour where a tool paints them step by step or fades them
in. The looking is bounded, so that a file of empty frames takes no longer than a large picture.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from PIL.ImageFile import ImageFile

from classifier.picture.blank import is_blank
from classifier.picture.formats.base import Format
from classifier.picture.limits import Limits, pixels_within

if TYPE_CHECKING:
    from classifier.picture.decode import Picture

log = logging.getLogger(__name__)

_FRAMES = 300  # ten seconds of a film
_BYTES_PER_PIXEL = 31.0  # measured: GIF up to 25, PNG 28, WebP 30; the frame, the one before it, and what is pasted


def first_that_shows(
    frame: Callable[[], Picture], image: ImageFile, kind: Format, data: bytes, limits: Limits
) -> Picture:
    """The first frame that is not blank; the first of all if there is none, or it takes too long or much to find.

    Args:
        frame: decodes the frame at which the file is.
        image: the opened file, at its first frame.
        kind: its format.
        data: the file.
        limits: the limits for the file.
    """
    first = frame()
    # An animated PNG may have a picture for programs that show no animations.
    hidden = bool(getattr(image, "default_image", False))
    if not kind.is_animated or not (hidden or is_blank(first.image)) or not _goes_on(image, kind, data, limits):
        return first
    first = replace(first, image=first.image.copy())  # Pillow may paint further frames on the same pixels
    try:
        for _ in _further_frames(image, limits):
            picture = frame()
            if not is_blank(picture.image):
                return picture
    except Exception:  # no reason to refuse a file whose first frame is fine
        log.debug("broken frame of a %s", kind.name, exc_info=True)
    return first


def _goes_on(image: ImageFile, kind: Format, data: bytes, limits: Limits) -> bool:
    """Whether there are further frames, and memory for them."""
    if limits.memory is not None:
        most = pixels_within(limits.memory - len(data), max(_BYTES_PER_PIXEL, kind.bytes_per_pixel))
        if image.width * image.height > most:
            return False
    return kind.is_animated is not None and kind.is_animated(image, data)


def _further_frames(image: ImageFile, limits: Limits) -> Iterator[None]:
    """Moves to one frame after the other, the second one first, as long as they take no longer than a large picture."""
    most = limits.max_pixels // max(1, image.width * image.height)
    for number in range(1, max(2, min(_FRAMES, most))):
        with suppress(EOFError):
            image.seek(number)
        if image.tell() != number:
            return
        yield
