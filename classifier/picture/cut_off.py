"""How much of a picture there is in a file that lacks its end."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from classifier.errors import BrokenImageError, CutOffError
from classifier.notes import Note, note
from classifier.picture.checks import check_size
from classifier.picture.formats.base import ENOUGH, CutOff, Format, There
from classifier.picture.limits import Limits


def checked(cut: CutOff, kind: Format, limits: Limits) -> tuple[Note, ...]:
    """What is told of a file that is cut off, if nearly all of it is there.

    Args:
        cut: the file, which can be decoded.
        kind: its format.
        limits: the limits for it.

    Raises:
        TooManyPixelsError: over the limit.
        CutOffError, BrokenImageError: a real part is missing.
    """
    if cut.there:  # else it was decoded, and so is within the limits
        check_size(cut.there.size, limits)
    rows, (_, height), share = cut.there or _there(cut, kind)
    if cut.whole and rows < height:
        return (note("cut_off_detail", height=str(height)),)
    if cut.doubtful and rows == height:
        return ()
    if not rows:
        raise BrokenImageError(format=kind.name)
    if share < ENOUGH:
        raise CutOffError(format=kind.name, rows=str(rows), height=str(height))
    return (note("cut_off", rows=str(rows), height=str(height)),)


def _there(cut: CutOff, kind: Format) -> There:
    """What is there, from the top, as far as both files show the same."""
    with Image.open(io.BytesIO(cut.ended), formats=[kind.pillow_name]) as image:
        width, height = image.size
    if cut.continued is None:
        return There(0, (width, height), 0.0)
    ended, continued = (_reduced(data, kind, cut.factor) for data in (cut.ended, cut.continued))
    differs = (ended != continued).any(axis=-1)
    if not differs.any():
        return There(height, (width, height), 1.0)
    row = int(differs.any(axis=1).argmax())
    band = max(1, cut.band // cut.factor)
    # A row above the band may differ, too, where colours are interpolated between their rows.
    row = -(-row // band) * band if row % band == band - 1 else row // band * band
    columns = int(differs[row : row + band].any(axis=0).argmax()) if row < len(differs) else 0
    rows = min(height, row * cut.factor)
    inside = min(cut.band, height - rows) * columns * cut.factor
    return There(rows, (width, height), (rows * width + inside) / (width * height))


def _reduced(data: bytes, kind: Format, factor: int) -> NDArray[np.uint8]:
    """The picture `(H, W, channels)`, each side divided by `factor`."""
    with Image.open(io.BytesIO(data), formats=[kind.pillow_name]) as image:
        kind.before_loading(image, len(data))
        size = image.size
        image.draft(None, (image.width // factor, image.height // factor))
        return np.atleast_3d(np.asarray(image.reduce(factor) if image.size == size and factor > 1 else image))
