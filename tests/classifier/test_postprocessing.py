"""From a model's scores to probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from classifier.package import OutputSpec
from classifier.postprocessing import log_probabilities, probabilities, sigmoid, softmax

LOGITS = np.array([3.0, 1.0, -2.0, 0.5], np.float32)


def test_softmax_holds_for_large_logits() -> None:
    assert softmax(np.array([1e4, 1e4, -1e4], np.float32)).tolist() == [0.5, 0.5, 0.0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_a_temperature_means_the_same_for_a_model_with_a_softmax_of_its_own(temperature: float) -> None:
    bare = OutputSpec(classes=4, logits=True, temperature=temperature)
    own = OutputSpec(classes=4, logits=False, temperature=temperature)
    expected = softmax(LOGITS / np.float32(temperature))
    assert probabilities(LOGITS, bare) == pytest.approx(expected)
    assert probabilities(softmax(LOGITS), own) == pytest.approx(expected, rel=1e-5)


def test_without_a_temperature_a_models_own_probabilities_stay_as_they_are() -> None:
    scores = np.array([0.25, 0.5, 0.24], np.float32)  # a rounded softmax
    assert probabilities(scores, OutputSpec(classes=3, logits=False)).tolist() == scores.tolist()


def test_a_class_that_is_ruled_out_stays_so() -> None:
    scores = np.array([0.75, 0.25, 0.0], np.float32)
    found = probabilities(scores, OutputSpec(classes=3, logits=False, temperature=2))
    assert found[2] == 0
    assert found.sum() == pytest.approx(1)
    assert found[0] / found[1] == pytest.approx(3**0.5)


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_probabilities_that_are_all_rounded_to_0_stay_so_and_none_is_likelier(temperature: float) -> None:
    spec, nothing = OutputSpec(classes=4, logits=False, temperature=temperature), np.zeros(4, np.float32)
    assert probabilities(nothing, spec).tolist() == [0, 0, 0, 0]
    assert log_probabilities(nothing, spec) == pytest.approx(np.full(4, np.log(0.25)))


@pytest.mark.parametrize("temperature", [0.5, 1.0])
def test_what_rounding_puts_outside_0_to_1_is_put_back(temperature: float) -> None:
    spec, scores = OutputSpec(classes=3, logits=False, temperature=temperature), np.array([-1e-3, 1.001, 0], np.float32)
    assert probabilities(scores, spec).tolist() == [0, 1, 0]
    assert not np.isnan(log_probabilities(scores, spec)).any()


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_log_probabilities_are_those_before_calibration(temperature: float) -> None:
    expected = np.log(softmax(LOGITS))
    bare = OutputSpec(classes=4, logits=True, temperature=temperature)
    own = OutputSpec(classes=4, logits=False, temperature=temperature)
    assert log_probabilities(LOGITS, bare) == pytest.approx(expected, rel=1e-5)
    assert log_probabilities(softmax(LOGITS), own) == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(log_probabilities(np.array([1e4, -1e4], np.float32), bare)).all()


def test_scores_that_stand_for_themselves_get_a_sigmoid_and_no_softmax() -> None:
    logits = np.array([0.0, 2.0, 200.0, -200.0], np.float32)
    several = OutputSpec(classes=4, logits=True, multi_label=True, temperature=2)
    assert probabilities(logits, several) == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 1, 0], abs=1e-6)
    scores = np.array([0.9, 0.8], np.float32)
    spec = OutputSpec(classes=2, logits=False, multi_label=True, temperature=2)
    assert probabilities(scores, spec).tolist() == scores.tolist()


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_one_score_for_two_classes_is_that_of_the_second(temperature: float) -> None:
    bare = OutputSpec(classes=2, logits=True, binary=True, temperature=temperature)
    own = OutputSpec(classes=2, logits=False, binary=True, temperature=temperature)
    logit = np.array([1.5], np.float32)
    second = 1 / (1 + np.exp(-1.5 / temperature))
    for scores, spec in ((logit, bare), (sigmoid(logit), own)):
        assert probabilities(scores, spec) == pytest.approx([1 - second, second], rel=1e-5)
        assert np.exp(log_probabilities(scores, spec))[1] == pytest.approx(1 / (1 + np.exp(-1.5)), rel=1e-5)


@pytest.mark.parametrize(
    ("spec", "scores", "expected"),
    [
        (OutputSpec(classes=2, logits=False), [0.2, 0.8], [0.2, 0.8]),
        (OutputSpec(classes=2, logits=True), [0.0, np.log(3)], [0.25, 0.75]),
        (OutputSpec(classes=2, logits=True, temperature=2.0), [0.0, 2 * np.log(3)], [0.25, 0.75]),
        (OutputSpec(classes=2, logits=True, multi_label=True), [np.log(3), -1000], [0.75, 0]),
        (OutputSpec(classes=2, logits=False, binary=True), [0.9], [0.1, 0.9]),
        (OutputSpec(classes=2, logits=True, binary=True, temperature=2.0), [2 * np.log(3)], [0.25, 0.75]),
    ],
)
def test_what_the_package_says_is_applied(spec: OutputSpec, scores: list[float], expected: list[float]) -> None:
    found = probabilities(np.array(scores, np.float32), spec)
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-6)
