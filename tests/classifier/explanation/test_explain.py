"""`Classifier.explain`: the maps that are asked for, by the method that the model allows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier import BackendError, Classification, Classifier, ParameterError, Settings, overlaid
from classifier.errors import AbandonedError
from classifier.explanation import occlusion
from classifier.explanation.drawing import VIRIDIS, colours
from classifier.machine.cancellation import Cancellation
from classifier.machine.queue import WorkQueue
from tests.support.packages import LITE0, changed
from tests.support.photos import photo

PANDA = photo("panda.webp")
GIANT_PANDA, KOALA = 388, 105


@pytest.fixture(scope="module")
def exact() -> Classifier:
    return Classifier.load(LITE0, settings=Settings(backend="litert"))


@pytest.fixture(scope="module")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    """The same model, whose package names no features."""
    package = changed(tmp_path_factory.mktemp("models") / "one", ('features = "features"', ""))
    return Classifier.load(package, settings=Settings(backend="litert"))


def test_maps_come_in_the_order_asked_for_each_class_once(exact: Classifier) -> None:
    found = exact.explain(PANDA, [KOALA, GIANT_PANDA, KOALA], "zh")
    assert [(one.index, one.label) for one in found.maps] == [(KOALA, "考拉"), (GIANT_PANDA, "大熊猫")]
    assert found.method == "cam"
    assert json.loads(json.dumps(found.to_dict()))["maps"][1]["index"] == GIANT_PANDA
    for one in found.maps:
        grid = np.array(one.grid)
        assert grid.shape == (7, 7)
        assert (grid.min(), grid.max()) == (pytest.approx(0, abs=1), 1)
        assert (grid >= 0).all()


def test_without_an_index_it_explains_the_predictions(exact: Classifier) -> None:
    result = exact.classify(PANDA)
    assert [one.index for one in exact.explain(PANDA).maps] == [one.index for one in result.predictions]
    assert [one.index for one in exact.explain(PANDA, GIANT_PANDA).maps] == [GIANT_PANDA]
    assert len(exact.classify(PANDA, top_k=30, explain="top").explanation.maps) == 10  # type: ignore[union-attr]


def test_the_box_says_what_the_maps_cover(exact: Classifier) -> None:
    for view in ("crop", "whole", "both"):
        assert exact.explain(PANDA, view=view).box == exact.classify(PANDA, view=view).box


@pytest.mark.parametrize("wrong", [1000, -1, [388, 1000], [], "koala", 1.5, True, [None]], ids=str)
def test_what_is_no_class_is_refused(exact: Classifier, wrong: Any) -> None:
    with pytest.raises(ParameterError, match="explain"):
        exact.explain(PANDA, wrong)


def test_a_closed_classifier_says_so() -> None:
    with Classifier.load(LITE0, settings=Settings(backend="litert")) as model:
        pass
    with pytest.raises(BackendError, match="closed"):
        model.explain(PANDA)


def test_a_model_without_features_is_explained_by_occlusion_and_tells_its_progress(unknown: Classifier) -> None:
    shares: list[float] = []
    found = unknown.explain(PANDA, [GIANT_PANDA, KOALA], progress=shares.append)
    assert found.method == "occlusion"
    assert [one.index for one in found.maps] == [GIANT_PANDA, KOALA]
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert len(shares) >= 7


def test_others_need_not_wait_for_all_that_occlusion_asks_the_model(unknown: Classifier) -> None:
    queue = WorkQueue(running=1, waiting=4, ahead=1)
    busy = Classifier.load(unknown.package, settings=unknown.settings, queue=queue)
    between: list[Classification] = []

    def once(_: float) -> None:
        if not between:
            between.append(busy.classify(PANDA))

    assert busy.explain(PANDA, GIANT_PANDA, progress=once).maps
    assert between[0].predictions[0].index == GIANT_PANDA


def test_occlusion_finds_what_lies_in_one_part_of_the_picture(unknown: Classifier) -> None:
    picture = Image.new("RGB", (448, 448), (127, 127, 127))
    picture.paste(Image.open(PANDA).convert("RGB").resize((224, 224)), (224, 224))
    for view in ("whole", "both"):
        grid = np.array(unknown.explain(picture, GIANT_PANDA, view=view).maps[0].grid)
        rows, columns = grid.shape
        assert grid[rows // 2 :, columns // 2 :].sum() > 0.6 * grid.sum()


def test_work_that_nobody_waits_for_ends_between_two_runs(unknown: Classifier) -> None:
    with unknown.queue.take() as turn:
        shares: list[float] = []

        def leave(done: float) -> None:
            shares.append(done)
            turn.cancellation.cancel()

        with pytest.raises(AbandonedError):
            unknown.classify(PANDA, explain="top", turn=turn, progress=leave)
        assert len(shares) == 1
    assert isinstance(turn.cancellation, Cancellation)


def test_a_slow_model_gets_a_coarser_grid() -> None:
    sides = [occlusion.side(seconds, 1) for seconds in (0.01, 0.2, 0.3, 5)]
    assert sides == [6, 6, 4, 3]
    assert occlusion.side(0.15, 2) == 4


def test_nothing_speaks_for_a_class_gives_an_empty_map(exact: Classifier, unknown: Classifier) -> None:
    blank = Image.new("RGB", (224, 224), (127, 127, 127))
    (one,) = unknown.explain(blank, GIANT_PANDA).maps
    assert not np.array(one.grid).any()


def test_a_model_of_one_score_explains_both_classes(tmp_path: Path) -> None:
    from classifier.explanation.head import Dense, Head
    from classifier.explanation.maps import activation_maps
    from classifier.package import OutputSpec

    random = np.random.default_rng(2)
    head = Head("mean", (Dense(random.normal(size=(8, 1)).astype(np.float32), np.zeros(1, np.float32)),))
    spec = OutputSpec(classes=2, logits=True, binary=True)
    features = random.random((3, 3, 8)).astype(np.float32)
    second, first = activation_maps(head, features, [1, 0], spec)
    assert second.mean() == pytest.approx(head.logits(features)[0], abs=1e-5)
    np.testing.assert_array_equal(first, -second)


def test_the_map_is_drawn_over_its_part_of_the_picture(exact: Classifier) -> None:
    picture = Image.open(PANDA).convert("RGB")
    found = exact.explain(PANDA, GIANT_PANDA)
    before = np.asarray(picture)
    full = np.asarray(overlaid(picture, found, opacity=1))
    half = np.asarray(overlaid(picture, found, opacity=0.5)).astype(int)
    left, top, right, bottom = (round(side) for side in found.box)
    outside = np.ones(before.shape[:2], bool)
    outside[top:bottom, left:right] = False
    np.testing.assert_array_equal(full[outside], before[outside])
    assert np.abs(half - (full.astype(int) + before) / 2).max() <= 1
    row, column = np.unravel_index(np.argmax(found.maps[0].grid), (7, 7))
    x, y = left + (column + 0.5) * (right - left) / 7, top + (row + 0.5) * (bottom - top) / 7
    assert np.abs(full[int(y), int(x)].astype(int) - VIRIDIS[-1]).max() < 25
    small = overlaid(picture.resize((256, 170)), found, size=picture.size)
    assert small.size == (256, 170)


def test_colours_grow_lighter_by_even_steps() -> None:
    linear = (colours(np.linspace(0, 1, 9, dtype=np.float32)) / 255) ** 2.2
    lightness = 116 * (linear @ [0.2126, 0.7152, 0.0722]) ** (1 / 3) - 16
    steps = np.diff(lightness)
    assert (steps > 0).all()
    assert steps.max() < 1.6 * steps.min()


def test_a_map_that_is_not_there_is_named(exact: Classifier) -> None:
    found, picture = exact.explain(PANDA, GIANT_PANDA), Image.new("RGB", (1024, 681))
    with pytest.raises(ParameterError, match=r"no heat map of the class 3 here\. Choose from: 388"):
        overlaid(picture, found, 3)
    with pytest.raises(ParameterError, match="opacity"):
        overlaid(picture, found, opacity=2)
