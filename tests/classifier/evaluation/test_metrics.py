"""The numbers of an evaluation, against cases worked out by hand and published values."""

from __future__ import annotations

import numpy as np
import pytest

from classifier import Scores
from classifier.evaluation.measure import answer
from classifier.evaluation.metrics import (
    ClassResult,
    chance_error,
    confusion,
    expected_calibration_error,
    interval,
    macro,
    per_class,
    reliability,
    risk_coverage_area,
)

TRUTHS = np.array([0, 0, 0, 1, 1, 3])
PREDICTED = np.array([0, 0, 1, 1, 2, 0])


def test_precision_recall_and_f1_by_class() -> None:
    assert per_class(TRUTHS, PREDICTED, 5) == [
        ClassResult(0, 3, 3, 2, 2 / 3, 2 / 3, 4 / 6),
        ClassResult(1, 2, 2, 1, 1 / 2, 1 / 2, 2 / 4),
        ClassResult(2, 0, 1, 0, 0.0, None, 0.0),
        ClassResult(3, 1, 0, 0, None, 0.0, 0.0),
    ]


def test_the_means_are_over_the_classes_shown_and_count_one_never_predicted_as_0() -> None:
    means = macro(per_class(TRUTHS, PREDICTED, 5))
    assert means["recall"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert means["precision"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert means["f1"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_the_confusion_matrix_holds_every_picture_once() -> None:
    assert confusion(TRUTHS, PREDICTED) == [(0, 0, 2), (0, 1, 1), (1, 1, 1), (1, 2, 1), (3, 0, 1)]


def test_calibration_error_by_hand() -> None:
    # Two bins: (0, 0.5] with scores 0.2 and 0.4, none right; (0.5, 1] with 0.6, 0.8, 1.0, two right.
    bins = reliability(np.array([0.2, 0.4, 0.6, 0.8, 1.0]), np.array([0, 0, 1, 1, 0], bool), 2)
    assert [one.pictures for one in bins] == [2, 3]
    assert [one.confidence for one in bins] == pytest.approx([0.3, 0.8])
    assert [one.accuracy for one in bins] == pytest.approx([0, 2 / 3])
    assert expected_calibration_error(bins) == pytest.approx(2 / 5 * 0.3 + 3 / 5 * (0.8 - 2 / 3))


def test_a_score_on_an_edge_belongs_to_the_lower_bin_and_the_ends_to_the_outer_ones() -> None:
    bins = reliability(np.array([0.0, 0.5, 1.0]), np.array([True] * 3), 2)
    assert [one.pictures for one in bins] == [2, 1]


def test_bins_without_pictures_have_no_means() -> None:
    bins = reliability(np.array([0.99]), np.array([True]))
    assert len(bins) == 15
    assert [(one.confidence, one.accuracy) for one in bins[:-1]] == [(None, None)] * 14
    assert expected_calibration_error(bins) == pytest.approx(0.01)


def test_scores_that_keep_their_promise_have_hardly_any_calibration_error() -> None:
    random = np.random.default_rng(1)
    scores = random.uniform(0.3, 1, 200_000)
    right = random.random(scores.size) < scores
    assert expected_calibration_error(reliability(scores, right)) < 0.005
    assert expected_calibration_error(reliability(scores, right & (random.random(scores.size) < 0.8))) > 0.1


def test_chance_leaves_a_calibration_error_that_shrinks_with_the_root_of_the_pictures() -> None:
    # All scores in one bin: the mean distance of a share from its expectation, sqrt(2 p (1 - p) / (pi N)).
    for pictures in (100, 10_000):
        expected = (2 * 0.8 * 0.2 / (np.pi * pictures)) ** 0.5
        assert chance_error(np.full(pictures, 0.8), 1000) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [  # Newcombe (1998), Statistics in Medicine 17, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_intervals_are_those_published(right: int, total: int, low: float, high: float) -> None:
    assert interval(right, total) == pytest.approx((low, high), abs=5e-5)
    assert interval(total - right, total) == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_an_answer_is_ranked_as_classify_orders_classes() -> None:
    scores = np.array([0.1, 0.3, 0.3, 0.2, 0.1], np.float32)
    ranks = [answer("x", truth, Scores(scores, np.log(scores), True)).rank for truth in range(5)]
    order = np.argsort(-scores, kind="stable").tolist()
    assert ranks == [order.index(truth) + 1 for truth in range(5)] == [4, 1, 2, 3, 5]
    found = answer("x", 3, Scores(scores, np.log(scores), False))
    assert (found.predicted, found.right, found.sure) == (1, False, False)
    assert [found.score, found.truth_score] == pytest.approx([0.3, 0.2])


def test_the_area_under_the_risk_coverage_curve_is_that_of_the_definition() -> None:
    right = np.array([True, False, True, False])
    # The most trusted one, two, three, four: 0, 1, 1 and 2 of them are wrong.
    assert risk_coverage_area(np.array([0.9, 0.8, 0.7, 0.6]), right) == pytest.approx((0 + 1 / 2 + 1 / 3 + 2 / 4) / 4)
    worst, best = np.array([0.1, 0.9, 0.1, 0.9]), np.array([0.9, 0.1, 0.9, 0.1])
    assert risk_coverage_area(worst, right) > risk_coverage_area(best, right)
    assert risk_coverage_area(best, np.ones(4, np.bool_)) == 0


def test_answers_that_are_trusted_alike_count_as_if_in_any_order() -> None:
    random = np.random.default_rng(0)
    trust, right = random.integers(0, 5, 60) / 5, random.random(60) < 0.7
    orders = [
        risk_coverage_area(trust + random.random(60) * 1e-6, right)  # which of those alike comes first, by chance
        for _ in range(2000)
    ]
    assert risk_coverage_area(trust, right) == pytest.approx(np.mean(orders), abs=4 * np.std(orders) / 2000**0.5)
    assert risk_coverage_area(np.full(60, 0.5), right) == pytest.approx(1 - right.mean())
