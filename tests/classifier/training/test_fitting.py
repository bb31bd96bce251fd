"""A layer fitted to examples: for two classes and for a thousand, with a temperature and a threshold that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from classifier.errors import InputError
from classifier.training import fitting
from classifier.training.examples import Examples


def examples(classes: int, each: int, noise: float, channels: int = 64) -> Examples:
    """Features that lie around one point for each class."""
    random = np.random.default_rng(classes)
    centres = random.normal(size=(classes, channels))
    features = np.repeat(centres, each, axis=0) + random.normal(scale=noise, size=(classes * each, channels))
    labels = tuple(f"{at:04}" for at in range(classes) for _ in range(each))
    hashes = tuple(f"{at:064x}" for at in range(classes * each))
    return Examples(hashes, labels, hashes, np.abs(features).astype(np.float16)).sorted()


@pytest.mark.slow
@pytest.mark.thorough
def test_a_thousand_classes_of_two_photos_each() -> None:
    fitted = fitting.fit(examples(1000, 2, 0.2))
    assert fitted.weights.shape == (1000, 64)
    assert fitted.accuracy > 0.9
    assert fitted.interval[0] < fitted.accuracy <= fitted.interval[1] + 1e-9


@pytest.mark.parametrize("noise", [0.8, 1.2])
def test_scores_and_the_threshold_hold_for_photos_that_were_left_out(noise: float) -> None:
    fitted = fitting.fit(examples(5, 60, noise))
    scores = np.array([one.score for one in fitted.answers])
    right = np.array([one.right for one in fitted.answers])
    assert abs(scores.mean() - right.mean()) < 0.05
    least, most = fitting.UNSURE
    assert least <= fitted.unsure_below <= most
    sure = scores >= fitted.unsure_below
    assert fitted.unsure_below == most or right[sure].mean() >= fitting.RIGHT


def test_the_layer_is_right_about_what_it_was_fitted_to() -> None:
    few = examples(2, 2, 0.1)
    fitted = fitting.fit(few)
    best = (few.features.astype(np.float32) @ fitted.weights.T + fitted.bias).argmax(axis=1)
    np.testing.assert_array_equal(best, few.truths)
    assert fitted.unsure_below == fitting.UNSURE[0]


def test_channels_that_vary_little_count_as_much_as_those_that_vary_a_lot() -> None:
    few = examples(4, 30, 1.0)
    loud = np.arange(64) % 8 == 0
    noise = np.random.default_rng(0).normal(scale=100, size=few.features.shape)
    drowned = replace(few, features=np.where(loud, noise, few.features).astype(np.float16))
    assert fitting.fit(drowned).accuracy > fitting.fit(few).accuracy - 0.15


def test_photos_that_are_all_alike_are_refused() -> None:
    few = examples(2, 3, 0.1)
    with pytest.raises(InputError, match="nothing tells their classes apart"):
        fitting.fit(replace(few, features=np.full_like(few.features, 0.3)))


def test_one_photo_of_each_class_is_enough_to_tell_them_apart_again() -> None:
    few = examples(3, 1, 0.1)
    fitted = fitting.fit(few)
    best = (few.features.astype(np.float32) @ fitted.weights.T + fitted.bias).argmax(axis=1)
    np.testing.assert_array_equal(best, few.truths)
    assert fitted.accuracy == 0, "cross-validation never saw another photo of the class"
