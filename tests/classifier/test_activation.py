"""Scores become probabilities as the package says."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.activation import probabilities
from classifier.package import OutputSpec


@pytest.mark.parametrize(
    ("spec", "scores", "expected"),
    [
        (OutputSpec(classes=2, logits=False), [0.2, 0.8], [0.2, 0.8]),
        (OutputSpec(classes=2, logits=True), [0.0, np.log(3)], [0.25, 0.75]),
        (OutputSpec(classes=2, logits=True, temperature=2.0), [0.0, 2 * np.log(3)], [0.25, 0.75]),
        (OutputSpec(classes=2, logits=True, multi_label=True), [np.log(3), -1000], [0.75, 0]),
        (OutputSpec(classes=2, logits=False, multi_label=True), [0.9, 0.9], [0.9, 0.9]),
        (OutputSpec(classes=2, logits=False, binary=True), [0.9], [0.1, 0.9]),
        (OutputSpec(classes=2, logits=True, binary=True, temperature=2.0), [2 * np.log(3)], [0.25, 0.75]),
    ],
)
def test_what_the_package_says_is_applied(spec: OutputSpec, scores: list[float], expected: list[float]) -> None:
    found = probabilities(np.array(scores, np.float32), spec)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-6)
