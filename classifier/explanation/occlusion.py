"""Heat maps of any model: one part of the picture after the other is covered, and what a class loses lies there.

Zeiler, M. D. and Fergus, R. (2014), Visualizing and Understanding Convolutional Networks, ECCV. Only probabilities are
needed. A grey square of two cells by two moves on by one cell, half of it beyond the edge at first and at last; the
value of a cell is the mean of what the four squares over it cost. The cost is in log-odds, which still tell something
where a probability is nearly 1. Of the grids tried with as many runs, 6 x 6 cells did best at deletion and insertion
(docs/explain.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from classifier.picture.fit import GREY

Chances = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""The probabilities `(N, classes)` of pictures `(N, H, W, 3)` as the model sees them."""

_SIDES = (6, 4, 3)
"""Cells along each side of the grid, from which `side` chooses."""
_MOST_SECONDS = 10.0  # that all of it may take: nobody else has the turn meanwhile
_SQUARE = 2  # cells along each side of what is covered
_BATCH = 8  # pictures between two looks at whether anybody waits for the result
_LEAST = 1e-6  # probabilities nearer to 0 or 1 are taken for that


def side(seconds: float, views: int) -> int:
    """Cells along each side of the grid: as many as can be had in time.

    Args:
        seconds: that one run of the model takes.
        views: how many views of the picture there are.
    """
    fitting = (cells for cells in _SIDES if seconds * views * runs(cells) <= _MOST_SECONDS)
    return next(fitting, _SIDES[-1])


def runs(cells: int) -> int:
    """How often the model is run for a grid of so many cells along each side, for each view."""
    return (cells + _SQUARE - 1) ** 2


def occlusion_maps(
    pixels: NDArray[np.uint8], cells: int, indices: Sequence[int], chances: Chances, step: Callable[[int], None]
) -> NDArray[np.float32]:
    """What covering each cell costs each class.

    Args:
        pixels: one view of a picture `(H, W, 3)`.
        cells: along each side of the grid.
        indices: of the classes.
        chances: runs the model.
        step: is told how many runs were done, after each few; what it raises ends the work.

    Returns:
        `(n, cells, cells)` in log-odds, negative where the class gains.
    """
    classes = np.asarray(indices, np.intp)
    before = _log_odds(chances(pixels[None])[:, classes])[0]
    lost = np.zeros((len(classes), cells, cells), np.float32)
    times = np.zeros((cells, cells), np.float32)
    for places in _parts(cells):
        after = _log_odds(chances(np.stack([_covered(pixels, cells, place) for place in places]))[:, classes])
        for (row, column), odds in zip(places, after, strict=True):
            square = np.s_[max(row, 0) : row + _SQUARE, max(column, 0) : column + _SQUARE]
            lost[(slice(None), *square)] += (before - odds)[:, None, None]
            times[square] += 1
        step(len(places))
    return lost / times


def _parts(cells: int) -> Iterator[list[tuple[int, int]]]:
    """The rows and columns at which squares begin, a few at a time; at first beyond the edge."""
    starts = range(1 - _SQUARE, cells)
    places = [(row, column) for row in starts for column in starts]
    for at in range(0, len(places), _BATCH):
        yield places[at : at + _BATCH]


def _covered(pixels: NDArray[np.uint8], cells: int, place: tuple[int, int]) -> NDArray[np.uint8]:
    (top, left), (bottom, right) = (
        [round(max(cell, 0) * side / cells) for cell, side in zip(corner, pixels.shape[:2], strict=True)]
        for corner in (place, [cell + _SQUARE for cell in place])
    )
    copy = pixels.copy()
    copy[top:bottom, left:right] = GREY
    return copy


def _log_odds(chances: NDArray[np.float32]) -> NDArray[np.float32]:
    bounded = np.clip(chances.astype(np.float64), _LEAST, 1 - _LEAST)
    odds: NDArray[np.float32] = np.log(bounded / (1 - bounded)).astype(np.float32)
    return odds
