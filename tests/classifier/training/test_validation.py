"""Cross-validation: no photo is judged by a layer that was fitted to it, and chance is told as chance."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.training import softmax, validation


def judged(truths: NDArray[np.intp], features: NDArray[np.float64]) -> validation.Validation:
    return validation.validate(softmax.turned(features), truths, int(truths.max()) + 1)


@pytest.mark.parametrize("large", [False, True])
def test_labels_that_say_nothing_are_right_by_chance_alone(monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    if large:  # as for hundreds of classes
        monkeypatch.setattr(validation, "_LARGE", 0)
    random = np.random.default_rng(0)
    truths = np.arange(200) % 4
    found = judged(truths, random.normal(size=(200, 400)))  # any labels can be fitted to so many channels
    assert np.isfinite(found.logits).all()
    assert (found.logits.argmax(axis=1) == truths).mean() < 0.4


@pytest.mark.parametrize("large", [False, True])
def test_labels_that_fit_are_right(monkeypatch: pytest.MonkeyPatch, large: bool) -> None:
    if large:
        monkeypatch.setattr(validation, "_LARGE", 0)
    random = np.random.default_rng(0)
    truths = np.arange(90) % 3
    found = judged(truths, random.normal(size=(3, 50))[truths] + random.normal(scale=0.5, size=(90, 50)))
    assert (found.logits.argmax(axis=1) == truths).mean() > 0.95


@pytest.mark.parametrize(("counts", "folds"), [((100, 100), 10), ((300, 20), 5), ((7, 2, 1), 10), ((2, 2), 4)])
def test_each_class_is_spread_over_the_folds(counts: tuple[int, ...], folds: int) -> None:
    truths = np.repeat(np.arange(len(counts)), counts)
    dealt = validation.folds(truths)
    assert set(dealt) == set(range(folds))
    for label, count in enumerate(counts):
        each = np.bincount(dealt[truths == label], minlength=folds)
        assert each.max() - each.min() <= 1
        assert each.sum() == count
    np.testing.assert_array_equal(dealt, validation.folds(truths))


def test_a_rare_class_counts_for_more_than_its_photos() -> None:
    truths = np.repeat([0, 1], [100, 4])
    each = validation.weights(truths, 2)
    together = [each[truths == label].sum() for label in (0, 1)]
    assert together == pytest.approx([10, 2])


def test_how_large_logits_are_does_not_decide_which_strength_is_best() -> None:
    random = np.random.default_rng(0)
    truths = np.arange(200) % 4
    logits = (np.eye(4)[truths] * 2 + random.normal(size=(200, 4))).astype(np.float32)
    loss = validation._loss(logits, truths)
    assert validation._loss((logits / 5).astype(np.float32), truths) == pytest.approx(loss, rel=1e-3)
    noisier = logits + random.normal(size=(200, 4))
    assert validation._loss(noisier.astype(np.float32), truths) > loss
