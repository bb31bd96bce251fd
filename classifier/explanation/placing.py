"""Puts maps of what a model saw onto the picture itself: of the crop, of the whole picture on grey, or of both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from classifier.picture.geometry import Geometry, crop_box, letterbox
from classifier.views import Box

_FINER = 2  # cells of a grid that is put onto the picture, for each of the model's own along a side
_MOST_CELLS = 64  # along a side: a picture may be very much longer than it is wide


class Placed(NamedTuple):
    """Maps and the part of the picture that they cover.

    Attributes:
        box: left, top, right and bottom in pixels of the upright original.
        maps: `(n, rows, columns)`.
    """

    box: Box
    maps: NDArray[np.float32]


def placed(views: Sequence[NDArray[np.float32]], size: tuple[int, int], geometry: Geometry) -> Placed:
    """Maps of each view as maps of the picture; where it has two, their mean.

    Args:
        views: of each view its maps `(n, h, w)`.
        size: (width, height) of the upright original.
        geometry: of the model's input; its view says what the maps are of.
    """
    crop = crop_box(size, geometry)
    if geometry.view == "crop":
        return Placed(crop, views[0])
    whole = _letterboxed(size, geometry)
    boxes = [whole] if geometry.view == "whole" else [crop, whole]
    sources = [Placed(box, maps) for box, maps in zip(boxes, views, strict=True)]
    columns = max(_cells(size[0], one.maps.shape[2], one.box[2] - one.box[0]) for one in sources)
    rows = max(_cells(size[1], one.maps.shape[1], one.box[3] - one.box[1]) for one in sources)
    found = [_resampled(one, size, (rows, columns)) for one in sources]
    return Placed((0.0, 0.0, float(size[0]), float(size[1])), np.mean(found, axis=0, dtype=np.float32))


def _letterboxed(size: tuple[int, int], geometry: Geometry) -> Box:
    """What the input shows of the plane that the picture lies in, when all of the picture is in it."""
    left, top, inner_width, inner_height = letterbox(size, geometry)
    height, width = geometry.size
    across, down = size[0] / inner_width, size[1] / inner_height
    return -left * across, -top * down, (width - left) * across, (height - top) * down


def _cells(side: int, cells: int, extent: float) -> int:
    """How many cells the picture gets along a side, of a map that has `cells` over `extent` pixels."""
    return max(1, min(_MOST_CELLS, math.ceil(_FINER * cells * side / extent)))


def _resampled(source: Placed, size: tuple[int, int], cells: tuple[int, int]) -> NDArray[np.float32]:
    """Maps at the centres of the picture's cells, linear between their own; 0 outside of what they cover."""
    left, top, right, bottom = source.box
    across = _weights(size[0], cells[1], (left, right), source.maps.shape[2])
    down = _weights(size[1], cells[0], (top, bottom), source.maps.shape[1])
    found: NDArray[np.float32] = np.einsum("ri,nij,cj->nrc", down, source.maps, across)
    return found


def _weights(side: int, cells: int, extent: tuple[float, float], own: int) -> NDArray[np.float32]:
    """How much each of a map's own cells counts at each of the picture's, along one side: `(cells, own)`."""
    start, end = extent
    centres = (np.arange(cells) + 0.5) * side / cells
    at = (centres - start) / (end - start) * own - 0.5
    low = np.clip(np.floor(at), 0, own - 1).astype(np.intp)
    high = np.minimum(low + 1, own - 1)
    part = np.clip(at - low, 0, 1)
    weights = np.zeros((cells, own), np.float32)
    numbers = np.arange(cells)
    np.add.at(weights, (numbers, low), 1 - part)
    np.add.at(weights, (numbers, high), part)
    weights[(centres < start) | (centres > end)] = 0
    return weights
