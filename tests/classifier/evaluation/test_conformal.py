"""Fitting sets: they hold the right class as often as promised, and too few pictures promise nothing."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier import ModelPackage
from classifier.evaluation import conformal
from classifier.package.manifest import FittedTo
from classifier.postprocessing import prediction_set
from tests.support.photos import ROOT

RECORDED = Path(__file__).parent / "conformal_recorded.npz"
MAPIE = Path(__file__).parent / "conformal_mapie.json"
LITE0 = ModelPackage.load(ROOT / "model/efficientnet-lite0").manifest
TODAY = FittedTo(dataset="test", date=datetime.date(2026, 1, 1), pictures=1, hashes="")


def recorded() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The ten-class model's log-probabilities at temperature 1 for test pictures of CIFAR-10, and their classes."""
    with np.load(RECORDED) as file:
        return file["log_scores"].astype(np.float32), file["truths"].astype(np.int64)


def fit(scores: NDArray[Any], truths: NDArray[Any], coverage: float, temperature: float = 0.65) -> conformal.Sets:
    return conformal.fit(scores, truths, np.ones(len(truths), np.bool_), coverage, temperature)


def held(found: conformal.Sets, scores: NDArray[Any], truths: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the set of each picture, as an answer has it, holds its class."""
    output = LITE0.output.model_copy(update={"classes": scores.shape[1]})
    table = found.table(TODAY, "crop", LITE0)
    return np.array([truth in prediction_set(row, output, table) for row, truth in zip(scores, truths, strict=True)])


@pytest.mark.parametrize("coverage", [0.9, 0.95, 0.99])
def test_sets_fitted_to_one_half_hold_the_class_in_the_other_as_often_as_promised(coverage: float) -> None:
    scores, truths = recorded()
    random, shares = np.random.default_rng(1), []
    for _ in range(10):
        order = random.permutation(len(truths))
        first, second = order[: len(order) // 2], order[len(order) // 2 :]
        found = fit(scores[first], truths[first], coverage)
        shares.append(held(found, scores[second], truths[second]).mean())
        assert found.likely is not None
        # Two chances: which pictures are fitted to, and which are looked at.
        assert shares[-1] > 2 * found.likely[0] - coverage
    right = (scores.argmax(axis=1) == truths).mean()
    if right < coverage:
        assert coverage - 0.003 <= np.mean(shares) <= coverage + 0.006
    else:  # the first answer is in every set
        assert np.mean(shares) == pytest.approx(right, abs=0.01)


@pytest.mark.parametrize(("pictures", "coverage"), [(30, 0.9), (61, 0.95), (313, 0.99)])
def test_the_promise_holds_on_average_over_all_that_may_be_fitted_to(pictures: int, coverage: float) -> None:
    scores, truths = recorded()
    random, shares = np.random.default_rng(2), []
    own = np.exp(scores / 0.65)
    own /= own.sum(axis=1, keepdims=True)
    true = own[np.arange(len(truths)), truths]
    for _ in range(100):
        chosen = random.permutation(len(truths))
        found = fit(scores[chosen[:pictures]], truths[chosen[:pictures]], coverage)
        shares.append((true[chosen[pictures:]] >= found.threshold).mean())
    assert np.mean(shares) == pytest.approx(coverage, abs=3 * np.std(shares) / 100**0.5 + 1 / pictures)
    assert np.mean(shares) >= coverage - 3 * np.std(shares) / 100**0.5


def test_sets_are_those_of_mapie() -> None:
    scores, truths = recorded()
    reference = json.loads(MAPIE.read_text("utf-8"))
    output = LITE0.output.model_copy(update={"classes": 10})
    half = reference["fitted_to"]
    for coverage, expected in reference["sets"].items():
        found = fit(scores[:half], truths[:half], float(coverage), reference["temperature"])
        table = found.table(TODAY, "crop", LITE0)
        sets = [sorted(prediction_set(row, output, table).tolist()) for row in scores[half : half + len(expected)]]
        best = scores[half:].argmax(axis=1)
        # An empty set, which there may be for less coverage than the model has accuracy, gets the first answer here.
        assert sets == [other or [int(best[at])] for at, other in enumerate(expected)]


def test_too_few_pictures_for_a_promise_are_said_with_how_many_it_takes() -> None:
    random = np.random.default_rng(3)
    scores, truths = random.normal(size=(40, 3)).astype(np.float32), random.integers(0, 3, 40)
    few = fit(scores[:8], truths[:8], 0.9)
    assert (few.threshold, few.likely, len(few.sizes)) == (None, None, 0)
    assert few.problem == "8 pictures are too few to promise 0.9: use 30 or more"
    assert fit(scores[:29], truths[:29], 0.9).problem is not None
    assert fit(scores[:30], truths[:30], 0.9).problem is None
    none = conformal.fit(scores, truths, np.zeros(40, np.bool_), 0.9, 1.0)
    assert (none.pictures, none.left_out, none.threshold) == (0, 40, None)
    assert none.problem


@pytest.mark.parametrize(("coverage", "few"), [(0.5, 10), (0.8, 10), (0.9, 30), (0.95, 61), (0.99, 313)])
def test_from_so_many_pictures_on_sets_are_seldom_wrong_twice_as_often(coverage: float, few: int) -> None:
    assert conformal.fewest(coverage) == few
    for pictures in (few, few + 1, few + 9, few + 10, 2 * few + 3):
        assert conformal.true_coverage(pictures, coverage)[0] >= 1 - 2 * (1 - coverage) - 1e-9


def test_how_far_the_coverage_varies_is_what_is_published() -> None:
    # Angelopoulos and Bates (2023), section 3.2: with 1,000 pictures and 0.9 it is between 0.88 and 0.92 mostly.
    found = conformal.true_coverage(1000, 0.9)
    assert found == pytest.approx((0.884, 0.915), abs=1e-3)
    draws = np.random.default_rng(0).beta(901, 100, 200_000)  # k = 901 of 1,001
    assert np.quantile(draws, [0.05, 0.95]) == pytest.approx(found, abs=5e-4)


def test_probabilities_that_are_alike_are_in_the_set_together() -> None:
    # As a full-integer model gives them: few levels, so that many right classes have the very same probability.
    random = np.random.default_rng(4)
    truths = random.integers(0, 4, 200)
    probabilities = np.full((200, 4), 0.125, np.float32)
    probabilities[np.arange(200), truths] = 0.625
    found = fit(np.log(probabilities), truths, 0.9, 1.0)
    assert held(found, np.log(probabilities), truths).all()
    assert set(found.sizes) == {1}


def test_classes_that_are_ruled_out_break_nothing() -> None:
    scores = np.full((60, 3), -np.inf, np.float32)
    scores[:, 0] = 0
    truths = np.array([0] * 40 + [1] * 20)
    found = fit(scores, truths, 0.9)
    assert found.threshold == 0
    assert set(found.sizes) == {3}
    assert found.nearly_all


def test_only_pictures_that_get_a_set_count() -> None:
    scores, truths = recorded()
    promised = np.arange(len(truths)) % 2 == 0
    found = conformal.fit(scores, truths, promised, 0.95, 0.65)
    alone = fit(scores[promised], truths[promised], 0.95)
    assert (found.threshold, found.pictures) == (alone.threshold, alone.pictures)
    assert found.left_out == (~promised).sum()
