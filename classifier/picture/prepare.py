"""From a file to the pixels of a model's input, or to a thumbnail.

`InProcess` does this in the caller's process; `classifier.picture.sandbox.Workers` does the same in child processes, so
that a file that crashes its decoder does not end the server.
"""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.picture import decode
from classifier.picture.blank import has_structure
from classifier.picture.fit import fit
from classifier.picture.geometry import Geometry, needed_size
from classifier.picture.limits import Limits


@dataclass(frozen=True, slots=True)
class Prepared:
    """A picture cut to a model's input.

    Attributes:
        pixels: uint8 `(H, W, 3)`.
        structured: False for a blank picture and for noise.
        width: pixels of the upright original.
        height: pixels of the upright original.
        format: one of `formats.FORMATS`, or "" for a picture that came as a PIL image.
        decode: ms that decoding took.
        preprocess: ms that cropping and resizing took.
    """

    pixels: NDArray[np.uint8]
    structured: bool
    width: int
    height: int
    format: str
    decode: float
    preprocess: float


class Decoder(Protocol):
    """Decodes pictures within the limits that it was made with; raises `ImageError`s as `decode.read` does."""

    def prepare(self, data: bytes, geometry: Geometry) -> Prepared:
        """Cuts a picture to a model's input."""

    def thumbnail(self, data: bytes, side: int) -> bytes:
        """The picture, upright, at most `side` pixels along each side, as a JPEG file."""


class InProcess:
    """A `Decoder` in the caller's process, for trusted files; it starts no child processes."""

    def __init__(self, limits: Limits) -> None:
        """Args: limits: the limits for a picture."""
        self.limits = limits

    def prepare(self, data: bytes, geometry: Geometry) -> Prepared:
        """See `Decoder`."""
        return prepare(data, geometry, self.limits)

    def thumbnail(self, data: bytes, side: int) -> bytes:
        """See `Decoder`."""
        return thumbnail(data, side, self.limits)


def prepare(data: bytes | Image.Image, geometry: Geometry, limits: Limits) -> Prepared:
    """Decodes a picture and cuts it to a model's input.

    Args:
        data: a file's content, or a picture that the caller opened with Pillow.
        geometry: the geometry of the model's input.
        limits: the limits for the picture.

    Raises:
        ImageError: as `decode.read` does.
    """
    start = time.perf_counter()
    at_least = needed_size(geometry)
    if isinstance(data, Image.Image):
        picture = decode.from_image(data, limits, at_least)
    else:
        picture = decode.read(data, limits, at_least)
    decoded = time.perf_counter()
    pixels = fit(picture.image, geometry)
    structured = has_structure(picture.image)
    end = time.perf_counter()
    times = (decoded - start) * 1000, (end - decoded) * 1000
    return Prepared(pixels, structured, picture.width, picture.height, picture.format, *times)


def thumbnail(data: bytes, side: int, limits: Limits) -> bytes:
    """The picture, upright, at most `side` pixels along each side, as a JPEG file.

    Raises:
        ImageError: as `decode.read` does.
    """
    half = max(1, side // 2)
    image = decode.read(data, limits, (half, half)).image
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
