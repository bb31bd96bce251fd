"""Fitting the measure of what is unknown: it finds what it is made to find, and says when it should not be used."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.evaluation import familiarity

CLASSES, CHANNELS = 3, 40


def features(count: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Three classes, each about an axis of its own, in the first five of forty directions."""
    random = np.random.default_rng(seed)
    truths = np.arange(count) % CLASSES
    values = random.normal(scale=0.01, size=(count, CHANNELS))
    values[:, :5] += random.normal(scale=0.1, size=(count, 5))
    values[np.arange(count), truths] += 1
    return values.astype(np.float32), truths


def test_own_pictures_that_were_not_fitted_to_are_familiar_and_others_are_not() -> None:
    known, truths = features(600)
    found = familiarity.fit(known, truths, np.ones(600, bool), CLASSES, ["ab" * 32])
    assert found.usable
    assert found.kept == pytest.approx(familiarity.KEPT, abs=0.01)
    fresh, _ = features(300, seed=1)
    assert np.mean([found.unknown.familiar(one) >= 0.5 for one in fresh]) == pytest.approx(familiarity.KEPT, abs=0.04)
    assert np.median([found.unknown.familiar(one) for one in fresh]) == pytest.approx(familiarity.MIDDLE, abs=0.02)
    elsewhere = fresh.copy()
    elsewhere[:, 20] += 1  # a direction in which the own ones hardly differ
    for strange in (elsewhere, -elsewhere, np.abs(np.random.default_rng(4).normal(size=fresh.shape))):
        assert np.mean([found.unknown.familiar(one) >= 0.5 for one in strange]) < 0.05


def test_the_same_pictures_always_give_the_same_measure() -> None:
    known, truths = features(200)
    one, other = (familiarity.fit(known, truths, np.ones(200, bool), CLASSES, []).unknown.content() for _ in "ab")
    assert one == other


def test_the_threshold_is_that_of_the_right_answers() -> None:
    known, truths = features(300)
    right = np.ones(300, bool)
    known[:60] = np.random.default_rng(2).normal(size=(60, CHANNELS))  # of which the model is right about none
    right[:60] = False
    found = familiarity.fit(known, truths, right, CLASSES, [])
    assert found.kept == pytest.approx(familiarity.KEPT, abs=0.01)
    assert found.right == 240


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_a_few_pictures_are_measured_but_not_to_be_used(count: int) -> None:
    known, truths = features(count)
    found = familiarity.fit(known, truths, np.zeros(count, bool), CLASSES, [])
    assert not found.usable
    assert found.lacking
    assert 0 <= found.unknown.familiar(known[0]) <= 1


def test_a_class_without_pictures_is_named() -> None:
    known, truths = features(300)
    found = familiarity.fit(known, truths, np.ones(300, bool), CLASSES + 1, [])
    assert found.lacking == (3,)
    assert not found.usable
