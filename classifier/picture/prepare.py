"""From a file to the pixels of a model's input, or to a thumbnail.

`InProcess` does this in the caller's process; `classifier.picture.sandbox.Workers` does the same in child processes, so
that a file that crashes its decoder does not end the server.
"""

from __future__ import annotations

import errno
import io
import secrets
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import BrokenImageError, NoDecoderError
from classifier.machine import threads
from classifier.machine.cancellation import Cancellation
from classifier.notes import Note
from classifier.picture import decode
from classifier.picture.blank import has_structure
from classifier.picture.detail import Detail, needed_detail
from classifier.picture.fit import fit
from classifier.picture.formats.base import Size
from classifier.picture.geometry import Geometry, needed_size, seen_box
from classifier.picture.limits import Limits

_REFUSALS = (errno.EAGAIN, errno.EMFILE, errno.ENFILE, errno.ENOSPC)  # what a system says that is full
_one_thread = threading.Lock()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture fitted to a model's input.

    Attributes:
        pixels: uint8 `(H, W, 3)`, or `(2, H, W, 3)`, as `fit` gives them.
        structured: False if what the model sees of the picture is blank or noise.
        width: pixels of the upright original.
        height: pixels of the upright original.
        format: one of `formats.FORMATS`, or "" for a picture that came as a PIL image.
        decode: ms that decoding took.
        preprocess: ms that cropping and resizing took.
        notes: what else is to be told of how it was read.
    """

    pixels: NDArray[np.uint8]
    structured: bool
    width: int
    height: int
    format: str
    decode: float
    preprocess: float
    notes: tuple[Note, ...] = ()


class Decoder(Protocol):
    """Decodes pictures within the limits that it was made with.

    Raises `ImageError`s as `decode.read` does, `NoDecoderError` if the system has no process or thread left for it,
    and `AbandonedError` once the work is cancelled.
    """

    def prepare(self, data: bytes, geometry: Geometry, cancellation: Cancellation | None = None) -> Prepared:
        """Cuts a picture to a model's input."""

    def thumbnail(self, data: bytes, side: int, cancellation: Cancellation | None = None) -> bytes:
        """The picture, upright, at most `side` pixels along each side, as a JPEG file; see `jpeg`."""


class InProcess:
    """A `Decoder` in the caller's process, for trusted files; it starts no child processes.

    Work that is cancelled ends before the next step, not within one.
    """

    def __init__(self, limits: Limits) -> None:
        """Args: limits: the limits for a picture."""
        self.limits = limits

    def prepare(self, data: bytes, geometry: Geometry, cancellation: Cancellation | None = None) -> Prepared:
        """See `Decoder`."""
        return prepare(data, geometry, self.limits, cancellation)

    def thumbnail(self, data: bytes, side: int, cancellation: Cancellation | None = None) -> bytes:
        """See `Decoder`."""
        return jpeg(thumbnail(data, side, self.limits, cancellation))


def prepare(
    data: bytes | Image.Image, geometry: Geometry, limits: Limits, cancellation: Cancellation | None = None
) -> Prepared:
    """Decodes a picture and cuts it to a model's input.

    Args:
        data: a file's content, or a picture that the caller opened with Pillow.
        geometry: the geometry of the model's input.
        limits: the limits for the picture.
        cancellation: looked at before each step.

    Raises:
        ImageError: as `decode.read` does.
        NoDecoderError: the system gave the decoder no threads, memory or files.
        AbandonedError: the work was cancelled.
    """
    cancellation = cancellation or Cancellation()
    cancellation.check()
    start = time.perf_counter()
    at_least, detail = needed_size(geometry), needed_detail(geometry)
    if isinstance(data, Image.Image):
        picture = decode.from_image(data, limits, at_least, detail)
    else:
        picture = _read(data, limits, at_least, detail)
    cancellation.check()
    decoded = time.perf_counter()
    pixels = fit(picture.image, geometry)
    structured = has_structure(picture.image, seen_box(picture.image.size, geometry))
    end = time.perf_counter()
    times = (decoded - start) * 1000, (end - decoded) * 1000
    return Prepared(pixels, structured, picture.width, picture.height, picture.format, *times, picture.notes)


def thumbnail(data: bytes, side: int, limits: Limits, cancellation: Cancellation | None = None) -> Image.Image:
    """The picture, upright, at most `side` pixels along each side, in mode RGB.

    Raises:
        ImageError: as `decode.read` does.
        NoDecoderError: the system gave the decoder no threads, memory or files.
        AbandonedError: the work was cancelled.
    """
    cancellation = cancellation or Cancellation()
    cancellation.check()
    half = max(1, side // 2)
    image = _read(data, limits, (half, half)).image
    cancellation.check()
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def jpeg(image: Image.Image) -> bytes:
    """A thumbnail as a JPEG file, no two of which are alike.

    A page serves it under an address that is a hash of the file. With random bytes in a comment, who has the same
    picture cannot know the address, and so cannot find out whether somebody looks at that picture.
    """
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, comment=secrets.token_bytes(16))
    return file.getvalue()


def _read(data: bytes, limits: Limits, at_least: Size, detail: Detail | None = None) -> decode.Picture:
    """Like `decode.read`, but does not blame a picture for what the system refused to its decoder."""
    try:
        return decode.read(data, limits, at_least, detail)
    except BrokenImageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in _REFUSALS:
            raise NoDecoderError from error
        # Decoders that start threads say nothing else if they cannot; without threads, they take longer.
        if threads.can_start(decode.THREADS):
            raise
    with _one_thread:
        before = decode.use_threads(1)
        try:
            return decode.read(data, limits, at_least, detail)
        finally:
            decode.use_threads(before)
