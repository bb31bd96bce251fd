"""Another last layer in a `.tflite` file: LiteRT computes with it, and with everything else as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from classifier.training.head import Head, HeadError
from tests.support.photos import ROOT
from tests.support.tiny_tflite import Tiny, weights

LITE0 = ROOT / "model/efficientnet-lite0/model.tflite"
CIFAR10 = ROOT / "model/cifar10/model.tflite"


def outputs(data: bytes, image: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """What LiteRT gives for a picture, by the names of the signature."""
    runner = Interpreter(model_content=data, num_threads=1).get_signature_runner("serving_default")
    return dict(runner(image=image))


def picture(low: float, high: float) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(low, high, (1, 224, 224, 3)).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 3, 1500])
def test_the_model_computes_the_new_layer_and_keeps_its_features(classes: int) -> None:
    old = LITE0.read_bytes()
    random = np.random.default_rng(classes)
    kernel = random.normal(scale=0.05, size=(classes, 1280)).astype(np.float32)
    bias = random.normal(size=classes).astype(np.float32)
    new = Head(old, features="features").replaced(kernel, bias)
    image = picture(-1, 1)
    before, after = outputs(old, image), outputs(new, image)
    np.testing.assert_array_equal(before["features"], after["features"])
    expected = before["features"].mean(axis=(1, 2)) @ kernel.T + bias
    np.testing.assert_allclose(after["logits"], expected, atol=2e-3)
    # As large as before, but for the layer, whose numbers take two bytes each.
    assert abs((len(old) - len(new)) - 2 * (1000 - classes) * 1281) < 20_000


def test_a_softmax_behind_the_layer_stays() -> None:
    old = CIFAR10.read_bytes()
    head = Head(old, features="features")
    assert head.squashed
    assert head.weights.shape == (10, 1280)
    kernel, bias = head.weights[[3, 5]], head.bias[[3, 5]]
    image = picture(0, 1)
    before, after = outputs(old, image), outputs(head.replaced(kernel, bias), image)
    kept = before["probabilities"][0, [3, 5]]
    np.testing.assert_allclose(after["probabilities"][0], kept / kept.sum(), atol=1e-3)


def test_the_layer_that_is_there_can_be_read_and_put_back() -> None:
    old = LITE0.read_bytes()
    head = Head(old, features="features")
    again = Head(head.replaced(head.weights, head.bias), features="features")
    np.testing.assert_array_equal(again.weights, head.weights)
    np.testing.assert_array_equal(again.bias, head.bias)
    twice = head.replaced(head.weights, head.bias)
    assert Head(twice, features="features").replaced(head.weights, head.bias) == twice  # nothing piles up


def test_a_layer_of_float32_stays_one() -> None:
    head = Head(Tiny(last="none").build())
    np.testing.assert_array_equal(head.weights, weights(3))
    kernel = np.full((5, 3), 1 / 3, np.float32)  # which float16 does not hold
    again = Head(head.replaced(kernel, np.zeros(5, np.float32)))
    np.testing.assert_array_equal(again.weights, kernel)


def test_weights_that_two_layers_share_are_refused() -> None:
    tiny = Tiny(last="none", outputs=2).build()
    with pytest.raises(HeadError, match="another layer has the weights"):
        Head(tiny, scores=names(tiny)[0])


def names(data: bytes) -> list[str]:
    return [detail["name"] for detail in Interpreter(model_content=data).get_output_details()]


@pytest.mark.parametrize(
    ("tiny", "said"),
    [
        (Tiny(last="sigmoid"), "the scores are not those of a fully connected layer"),
        (Tiny(outputs=2), "2 of its outputs may be the scores"),
    ],
    ids=["sigmoid", "two outputs"],
)
def test_a_model_without_such_a_layer_is_refused(tiny: Tiny, said: str) -> None:
    with pytest.raises(HeadError, match=said):
        Head(tiny.build())


def test_weights_of_8_bits_are_refused() -> None:
    data = Tiny(dtype="int8", quantisation=((0.01, 0), (0.1, 0))).build()
    with pytest.raises(HeadError):
        Head(data)
    assert isinstance(LITE0, Path)
