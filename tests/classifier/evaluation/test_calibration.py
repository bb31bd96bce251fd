"""Fitting a temperature: it finds the one that made the scores wrong, and says when there is none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.evaluation.calibration import BOUNDS, calibrate, confidences, fit_temperature, nll

Sample = tuple[NDArray[np.float32], NDArray[np.integer]]


def sample(pictures: int, classes: int, seed: int = 1) -> Sample:
    """Logits, and truths drawn from the very probabilities that they stand for: calibrated by construction."""
    random = np.random.default_rng(seed)
    logits = random.normal(size=(pictures, classes), scale=2).astype(np.float32)
    # Gumbel's trick: the maximum of logits with such noise is a draw from their softmax.
    return logits, (logits + random.gumbel(size=logits.shape)).argmax(axis=1)


def log_softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    logs: NDArray[np.float32] = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return logs


@pytest.mark.parametrize("wrong", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("classes", [2, 10])
def test_the_temperature_that_was_lost_is_found(wrong: float, classes: int) -> None:
    logits, truths = sample(60_000, classes)
    assert fit_temperature(logits * np.float32(wrong), truths) == pytest.approx(wrong, rel=0.02)


def test_a_constant_on_all_logits_of_a_picture_changes_nothing() -> None:
    logits, truths = sample(2_000, 10)
    found = fit_temperature(logits, truths)
    assert fit_temperature(log_softmax(logits), truths) == pytest.approx(found, rel=1e-5)
    assert nll(log_softmax(logits), truths, 1.7) == pytest.approx(nll(logits, truths, 1.7), rel=1e-5)


def test_no_temperature_near_the_one_found_is_likelier() -> None:
    logits, truths = sample(3_000, 7)
    logits *= 3
    found = fit_temperature(logits, truths)
    least = nll(logits, truths, found)
    assert all(nll(logits, truths, found * factor) > least for factor in (0.5, 0.99, 1.01, 2))


def test_the_likelihood_is_that_of_the_definition() -> None:
    logits = np.array([[2.0, 1.0, 0.0], [0.0, 0.0, 4.0]], np.float32)
    truths = np.array([0, 1])
    powers = np.exp(logits / 2)
    expected = -np.log([powers[0, 0] / powers[0].sum(), powers[1, 1] / powers[1].sum()]).mean()
    assert nll(logits, truths, 2.0) == pytest.approx(expected)
    assert confidences(logits, 2.0) == pytest.approx((powers / powers.sum(axis=1, keepdims=True)).max(axis=1))


def test_calibrating_overconfident_scores_mends_them() -> None:
    logits, truths = sample(20_000, 10)
    found = calibrate(log_softmax(logits * 3), truths, 1.0)
    assert found.pictures == 20_000
    assert found.right == (logits.argmax(axis=1) == truths).sum()
    assert not found.unbounded
    assert found.before.ece > 0.2
    assert found.after.ece < 0.01
    assert found.after.nll < found.before.nll
    assert found.after.temperature == pytest.approx(3, rel=0.02)
    assert calibrate(log_softmax(logits * 3), truths, found.after.temperature).before == found.after


def test_when_all_are_right_or_all_wrong_the_bound_is_reached_and_said() -> None:
    logits, _ = sample(500, 10)
    best, worst = logits.argmax(axis=1), logits.argmin(axis=1)
    assert fit_temperature(logits, best) == BOUNDS[0]
    assert fit_temperature(logits, worst) == BOUNDS[1]
    assert calibrate(logits, best, 1.0).unbounded
    assert calibrate(logits, worst, 1.0).unbounded


def test_scores_rounded_to_0_break_nothing() -> None:
    # As a full-integer model gives them: 256 levels, most classes exactly 0, the truth's own score among them.
    logits, truths = sample(5_000, 20)
    scores = np.exp(log_softmax(logits * 2))
    with np.errstate(divide="ignore"):
        rounded = np.log((scores * 256).round() / 256).astype(np.float32)
    assert np.isinf(rounded[np.arange(5_000), truths]).any()
    found = calibrate(rounded, truths, 1.0)
    assert np.isfinite(found.before.nll)
    assert found.after.nll < found.before.nll
    assert found.after.ece < found.before.ece / 5


def test_extreme_logits_neither_overflow_nor_fail() -> None:
    logits = np.array([[1e4, -1e4], [-1e4, 1e4], [1e4, -1e4]], np.float32)
    truths = np.array([0, 1, 1])
    assert np.isfinite(nll(logits, truths, 0.05))
    assert fit_temperature(logits, truths) == BOUNDS[1]
