"""What a caller may give as a picture: a path, bytes, an open file, a PIL image or a NumPy array."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import EmptyImageError, ParameterError

Source = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | Image.Image | NDArray[np.uint8]
"""One picture. An array is uint8, `(H, W)` for grey, `(H, W, 3)` for red, green and blue, `(H, W, 4)` with alpha."""

_CHANNELS = (1, 3, 4)


def content(source: Source, max_bytes: int) -> bytes | Image.Image:
    """The picture's bytes, or its pixels if it was decoded already.

    Args:
        source: the picture.
        max_bytes: of a file at most one byte more is read, enough to notice that it is too large.

    Raises:
        ParameterError: it is nothing of that kind, or an array of another type or shape; the message says which.
        EmptyImageError: an array without pixels.
        OSError: a file cannot be read.
    """
    if isinstance(source, Image.Image):
        return source
    if isinstance(source, np.ndarray):
        return _image(source)
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    if not isinstance(source, str | os.PathLike) and not callable(getattr(source, "read", None)):
        raise _refused(f"not {_described(source)}")
    try:
        if isinstance(source, str | os.PathLike):
            with open(source, "rb") as file:
                return file.read(max_bytes + 1)
        data = _read(source, max_bytes + 1)
    except OSError:
        raise
    except Exception as error:  # a name that no file can have, a closed file, or whatever another object raises
        raise _refused(f"this one cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise _refused(f"not a file that gives {_described(data)}: open it in binary mode, 'rb'")
    return bytes(data)


def several(sources: Iterable[Source]) -> Iterable[Source]:
    """The pictures of an argument that should be several and may be a single one, which a loop would take apart.

    Raises:
        ParameterError: it is neither.
    """
    single = isinstance(sources, str | os.PathLike | bytes | bytearray | memoryview | Image.Image)
    if single or hasattr(sources, "read") or (isinstance(sources, np.ndarray) and _is_picture(sources)):
        return [sources]  # type: ignore[list-item]
    try:
        return iter(sources)
    except TypeError as error:
        raise ParameterError(
            f"Pictures are a list, or anything to go through, not {_described(sources)}.", name="sources"
        ) from error


def _read(source: Any, most: int) -> Any:
    """What a file has left, or its first `most` bytes: pipes and sockets that are not buffered give it in parts."""
    data = source.read(most)
    if not isinstance(data, bytes | bytearray | memoryview):
        return data
    parts, left = [bytes(data)], most - len(data)
    while parts[-1] and left > 0:
        parts.append(bytes(source.read(left) or b""))
        left -= len(parts[-1])
    return b"".join(parts)


def _is_picture(array: NDArray[Any]) -> bool:
    return array.dtype != object and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in _CHANNELS))


def _image(array: NDArray[Any]) -> Image.Image:
    """An array as a PIL image."""
    if array.dtype != np.uint8:
        hint = " Of values from 0 to 1 make it with (array * 255).astype(np.uint8)." if array.dtype.kind == "f" else ""
        raise ParameterError(f"An array must be uint8, 0 to 255, not {array.dtype}.{hint}", name="source")
    if not _is_picture(array):
        shape = " x ".join(map(str, array.shape)) or "a single number"
        first = array.ndim == 3 and array.shape[0] in _CHANNELS
        hint = " The channels come last: array.transpose(1, 2, 0)." if first else ""
        raise ParameterError(
            f"An array must have the shape (H, W), (H, W, 3) or (H, W, 4), not {shape}.{hint}", name="source"
        )
    if not array.size:
        raise EmptyImageError
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def _refused(said: str) -> ParameterError:
    expected = "a path, bytes, a binary file, a PIL image or a NumPy array"
    return ParameterError(f"A picture is {expected}; {said}.", name="source")


def _described(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
