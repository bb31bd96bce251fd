"""Multinomial logistic regression: it finds the one solution there is, for few photos and for many."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.training import softmax

Reals = NDArray[np.floating]


def problem(count: int, channels: int, classes: int) -> tuple[Reals, NDArray[np.intp]]:
    random = np.random.default_rng(count)
    truths = np.arange(count) % classes
    centres = random.normal(size=(classes, channels))
    return centres[truths] + random.normal(size=(count, channels)) + 3, truths


def loss(weights: Reals, bias: Reals, x: Reals, truths: NDArray[np.intp], strength: float, counts: Reals) -> float:
    logits = x @ weights.T + bias
    logits = logits - logits.max(axis=1, keepdims=True)
    own = logits[np.arange(len(x)), truths] - np.log(np.exp(logits).sum(axis=1))
    return float(-(counts * own).sum() / counts.sum() + strength / 2 * (weights**2).sum())


@pytest.mark.parametrize(("count", "channels", "classes"), [(12, 40, 3), (200, 30, 4), (30, 30, 2), (6, 100, 6)])
@pytest.mark.parametrize("strength", [1.0, 0.01, 1e-4])
def test_no_other_layer_fits_better(count: int, channels: int, classes: int, strength: float) -> None:
    x, truths = problem(count, channels, classes)
    counts = 1.0 + truths
    axes = softmax.turned(x)
    weights, bias = softmax.fit(axes.values, truths, classes, strength, weights=counts, exact=1e-9).layer(axes)
    least = loss(weights, bias, x, truths, strength, counts)
    random = np.random.default_rng(1)
    step = 1e-4
    for _ in range(50):  # the loss is convex: what is least nearby is least everywhere
        way, turn = random.normal(size=weights.shape), random.normal(size=bias.shape)
        for sign in (-step, step):
            assert loss(weights + sign * way, bias + sign * turn, x, truths, strength, counts) >= least - 1e-12
    outside = np.eye(channels) - axes.axes.T @ axes.axes
    assert np.abs(weights @ outside).max() < 1e-8  # nothing along directions in which no photo differs


def test_a_fit_that_begins_elsewhere_comes_to_the_same() -> None:
    x, truths = problem(60, 20, 3)
    axes = softmax.turned(x)
    other = softmax.fit(axes.values, truths, 3, 1.0)
    fits = [softmax.fit(axes.values, truths, 3, 0.01, start=start, exact=1e-8) for start in (None, other)]
    np.testing.assert_allclose(fits[0].weights, fits[1].weights, atol=1e-5)
    np.testing.assert_allclose(fits[0].bias, fits[1].bias, atol=1e-5)


@pytest.mark.parametrize("count", [8, 100])
def test_the_axes_are_those_of_the_features(count: int) -> None:
    x, _ = problem(count, 20, 2)
    axes = softmax.turned(x)
    np.testing.assert_allclose(axes.axes @ axes.axes.T, np.eye(len(axes.axes)), atol=1e-8)
    np.testing.assert_allclose(axes.values @ axes.axes + axes.mean, x, atol=1e-8)
    assert len(axes.axes) == min(count - 1, 20)


def test_numbers_of_32_bits_give_nearly_the_same() -> None:
    x, truths = problem(300, 50, 5)
    layers = []
    for kind in (np.float32, np.float64):
        axes = softmax.turned(x.astype(kind))
        layers.append(softmax.fit(axes.values, truths, 5, 0.01).layer(axes)[0])
    assert layers[0].dtype == np.float32
    np.testing.assert_allclose(layers[0], layers[1], atol=0.01)
