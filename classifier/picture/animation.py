"""The frame of an animation that stands for it: the first that shows something.

Animations begin with a frame that is transparent or of one colour where a tool paints them step by step or fades them
in. The looking is bounded, so that a file of empty frames takes no longer than a large picture.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from PIL.ImageFile import ImageFile

from classifier.picture.formats.base import Format
from classifier.picture.limits import Limits, pixels_within

_FRAMES = 300  # ten seconds of a film
_BYTES_PER_PIXEL = 31.0  # measured: GIF up to 25, PNG 28, WebP 30; the frame, the one before it, and what is pasted


def further_frames(image: ImageFile, kind: Format, data: bytes, limits: Limits) -> Iterator[None]:
    """Moves to one frame after the other, the second one first, as long as that takes neither long nor much memory.

    Args:
        image: the opened file, at its first frame.
        kind: its format.
        data: the file.
        limits: the limits for the file.
    """
    pixels = image.width * image.height
    cost = max(_BYTES_PER_PIXEL, kind.bytes_per_pixel)
    if limits.memory is not None and pixels > pixels_within(limits.memory - len(data), cost):
        return
    if not kind.is_animated or not kind.is_animated(image, data):
        return
    for number in range(1, max(2, min(_FRAMES, limits.max_pixels // max(1, pixels)))):
        with suppress(EOFError):
            image.seek(number)
        if image.tell() != number:
            return
        yield


def is_hidden(image: ImageFile) -> bool:
    """Whether the first frame is only for programs that show no animations, as an animated PNG may have one."""
    return bool(getattr(image, "default_image", False))
