"""Maps of what a model saw, on the picture itself."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.explanation.placing import placed
from classifier.picture.geometry import Geometry
from classifier.views import View

SIZE = (400, 200)


def spot(row: int, column: int, cells: int = 8) -> np.ndarray:
    grid = np.zeros((1, cells, cells), np.float32)
    grid[0, row, column] = 1
    return grid


def centre(view: View, *grids: np.ndarray, size: tuple[int, int] = SIZE, crop: float = 1.0) -> tuple[float, float]:
    """Where on the picture the middle of what the maps hold lies, in pixels."""
    box, maps = placed(grids, size, Geometry((80, 80), crop, view=view))
    rows, columns = maps.shape[1:]
    left, top, right, bottom = box
    down, across = (maps[0].sum(axis=axis) for axis in (1, 0))
    x = left + (right - left) * float((across * (np.arange(columns) + 0.5)).sum() / across.sum()) / columns
    y = top + (bottom - top) * float((down * (np.arange(rows) + 0.5)).sum() / down.sum()) / rows
    return x, y


def test_the_map_of_a_crop_covers_the_crop_and_stays_as_it_is() -> None:
    grid = spot(1, 2)
    box, maps = placed([grid], SIZE, Geometry((80, 80), 0.5, view="crop"))
    assert box == (150, 50, 250, 150)
    np.testing.assert_array_equal(maps, grid)


def test_the_map_of_the_whole_covers_the_picture_and_leaves_the_grey_out() -> None:
    box, maps = placed([spot(0, 0)], SIZE, Geometry((80, 80), view="whole"))
    assert box == (0, 0, 400, 200)
    assert not maps.any()  # the first row of cells lies on the grey above the picture
    assert maps.shape[1:] == (8, 16)


@pytest.mark.parametrize(("row", "column"), [(3, 1), (4, 6), (2, 4)])
def test_what_a_cell_of_the_whole_says_lies_where_it_saw_it(row: int, column: int) -> None:
    x, y = centre("whole", spot(row, column))
    assert x == pytest.approx((column + 0.5) * 50, abs=2)
    assert y == pytest.approx((row + 0.5) * 50 - 100, abs=13)


def test_of_both_each_lies_where_it_saw_it() -> None:
    nothing = np.zeros((1, 8, 8), np.float32)
    x, y = centre("both", spot(2, 3), nothing)  # the crop is 200 x 200 in the middle, its cells are 25 x 25
    assert x == pytest.approx(100 + 3.5 * 25, abs=2)
    assert y == pytest.approx(2.5 * 25, abs=2)
    x, y = centre("both", nothing, spot(3, 1))
    assert x == pytest.approx(1.5 * 50, abs=2)
    assert y == pytest.approx(3.5 * 50 - 100, abs=2)


def test_even_maps_of_both_stay_even_and_half_as_high_outside_the_crop() -> None:
    even = np.ones((1, 8, 8), np.float32)
    _, maps = placed([even, even], SIZE, Geometry((80, 80), view="both"))
    assert set(np.unique(maps)) == {0.5, 1.0}
    assert maps.mean() == pytest.approx(0.75)


@pytest.mark.parametrize("size", [(20_000, 3), (1, 5000), (1, 1), (7, 7)], ids=str)
@pytest.mark.parametrize("view", ["whole", "both"])
def test_pictures_of_any_shape_get_a_grid_of_bounded_size(size: tuple[int, int], view: View) -> None:
    grids = [np.ones((2, 7, 7), np.float32)] * (2 if view == "both" else 1)
    box, maps = placed(grids, size, Geometry((224, 224), 0.875, view=view))
    assert box == (0, 0, *size)
    assert maps.shape[0] == 2
    assert max(maps.shape) <= 64
    assert np.isfinite(maps).all()
