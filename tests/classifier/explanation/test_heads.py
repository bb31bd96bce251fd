"""The head of a model, as it is read from each form of its weights: it gives what the model gives, or there is none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier import Classifier, ModelPackage, Settings
from classifier.backends.litert import LiteRTBackend
from classifier.explanation import litert_head, maps, reading
from classifier.explanation.head import Dense, Head
from tests.support.packages import changed
from tests.support.photos import ROOT, photo

SIDE, CLASSES = 32, 4

Layers = Callable[[Any, Any], Any]

HEADS: dict[str, tuple[Layers, tuple[str, int, str] | None]] = {
    "mean": (lambda k, x: k.layers.Dense(CLASSES)(k.layers.GlobalAveragePooling2D()(x)), ("mean", 1, "none")),
    "max": (lambda k, x: k.layers.Dense(CLASSES)(k.layers.GlobalMaxPooling2D()(x)), ("max", 1, "none")),
    "no-bias-softmax": (
        lambda k, x: k.layers.Dense(CLASSES, use_bias=False, activation="softmax")(
            k.layers.Dense(6, activation="relu")(k.layers.GlobalAveragePooling2D()(x))
        ),
        ("mean", 2, "relu"),
    ),
    "swish": (
        lambda k, x: k.layers.Dense(CLASSES)(
            k.layers.Dense(6, activation="swish")(k.layers.GlobalAveragePooling2D()(x))
        ),
        ("mean", 2, "swish"),
    ),
    "relu6-dropout": (
        lambda k, x: k.layers.Dense(CLASSES)(
            k.layers.Dropout(0.5)(k.layers.ReLU(6)(k.layers.Dense(6)(k.layers.GlobalAveragePooling2D()(x))))
        ),
        ("mean", 2, "relu6"),
    ),
    "convolutions": (
        lambda k, x: k.layers.Flatten()(
            k.layers.Conv2D(CLASSES, 1)(
                k.layers.Conv2D(6, 1, activation="relu")(k.layers.GlobalAveragePooling2D(keepdims=True)(x))
            )
        ),
        ("mean", 2, "relu"),
    ),
    "window": (
        lambda k, x: k.layers.Dense(CLASSES)(k.layers.Flatten()(k.layers.AveragePooling2D(5)(x))),
        ("mean", 1, "none"),
    ),
    "flattened": (lambda k, x: k.layers.Dense(CLASSES)(k.layers.Flatten()(x)), None),
    "three-layers": (
        lambda k, x: k.layers.Dense(CLASSES)(
            k.layers.Dense(5, activation="relu")(
                k.layers.Dense(6, activation="relu")(k.layers.GlobalAveragePooling2D()(x))
            )
        ),
        None,
    ),
    "tanh": (
        lambda k, x: k.layers.Dense(CLASSES)(
            k.layers.Dense(6, activation="tanh")(k.layers.GlobalAveragePooling2D()(x))
        ),
        None,
    ),
    "clipped-scores": (
        lambda k, x: k.layers.Dense(CLASSES, activation="relu")(k.layers.GlobalAveragePooling2D()(x)),
        None,
    ),
    "standardised": (
        lambda k, x: k.layers.Dense(CLASSES)(k.layers.LayerNormalization()(k.layers.GlobalAveragePooling2D()(x))),
        None,
    ),
}

MANIFEST = """format = 1
name = "tiny"
title = "Tiny"
[input]
size = [32, 32]
[output]
classes = 4
logits = {logits}
name = "scores"
features = "features"
[labels]
en = "labels.txt"
[weights.{form}]
file = "{file}"
"""


@pytest.fixture(scope="module")
def tf() -> Any:
    tensorflow = pytest.importorskip("tensorflow")
    tensorflow.keras.utils.set_random_seed(7)
    return tensorflow


def network(tf: Any, layers: Layers) -> Any:
    """A model with a feature map of 5 x 5 places, and the head that is asked for."""
    keras = tf.keras
    image = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(8, 8, strides=6, activation="relu", bias_initializer="ones")(image)
    return keras.Model(image, {"scores": layers(keras, features), "features": features})


def written(folder: Path, file: str, form: str, *, logits: bool) -> ModelPackage:
    text = MANIFEST.format(logits=str(logits).lower(), form=form, file=file)
    (folder / "model.toml").write_text(text, "utf-8")
    (folder / "labels.txt").write_text("a\nb\nc\nd\n", "utf-8")
    return ModelPackage.load(folder)


def lite(tf: Any, model: Any, *, half: bool = False, whole: bool = False) -> bytes:
    """The model as LiteRT has it: with weights of float32, of float16, or all in whole numbers."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if half or whole:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if half:
        converter.target_spec.supported_types = [tf.float16]
    if whole:
        values = np.random.default_rng(0).random((20, 1, SIDE, SIDE, 3), np.float32)
        converter.representative_dataset = lambda: ([value] for value in values)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    return bytes(converter.convert())


def check(head: Head | None, expected: tuple[str, int, str] | None, backend: Any, *, near: float = 1e-4) -> None:
    assert (None if head is None else (head.pooling, len(head.layers), head.activation)) == expected
    if head is None:
        return
    picture = np.random.default_rng(3).random((1, SIDE, SIDE, 3), np.float32)
    scores, features = backend.run(picture)
    logits = head.logits(features[0])
    mine = np.exp(logits) / np.exp(logits).sum() if scores[0].sum() == pytest.approx(1, abs=0.02) else logits
    assert np.abs(mine - scores[0]).max() < near


@pytest.mark.slow
@pytest.mark.parametrize("kind", HEADS)
def test_a_head_is_read_alike_from_litert_and_from_tensorflow(kind: str, tf: Any, tmp_path: Path) -> None:
    from classifier.backends.tensorflow import TensorFlowBackend
    from classifier.explanation import tensorflow_head

    layers, expected = HEADS[kind]
    model = network(tf, layers)
    logits = "softmax" not in kind
    model.save(tmp_path / "model.keras")
    package = written(tmp_path, "model.keras", "tensorflow", logits=logits)
    backend = TensorFlowBackend(package, 1)
    check(tensorflow_head.read(package, backend.function), expected, backend)
    (tmp_path / "model.tflite").write_bytes(lite(tf, model))
    package = written(tmp_path, "model.tflite", "litert", logits=logits)
    check(litert_head.read(package), expected, LiteRTBackend(package, 1))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["half", "whole"])
def test_weights_of_float16_and_of_whole_numbers_are_read(form: str, tf: Any, tmp_path: Path) -> None:
    layers, expected = HEADS["no-bias-softmax"]
    (tmp_path / "model.tflite").write_bytes(lite(tf, network(tf, layers), **{form: True}))
    package = written(tmp_path, "model.tflite", "litert", logits=False)
    check(litert_head.read(package), expected, LiteRTBackend(package, 1), near=0.05)


def test_the_shipped_models_have_exact_heads() -> None:
    for name in ("efficientnet-lite0", "efficientnet-lite2", "cifar10"):
        model = Classifier.load(ROOT / "model" / name, settings=Settings(backend="litert"))
        head = reading.head_of(model.package, model._backend.one)
        assert head is not None
        assert head.is_linear
        with model.queue.take() as turn:
            found = model.infer(photo("dog.webp").read_bytes(), turn)
        assert found.features is not None
        assert maps.fits(head, found.features[None], found.scores[None], model.package.manifest.output)


def test_the_mean_of_an_exact_map_is_the_logit_without_its_bias() -> None:
    model = Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend="litert"))
    head = litert_head.read(model.package)
    assert head is not None
    with model.queue.take() as turn:
        found = model.infer(photo("dog.webp").read_bytes(), turn)
    assert found.features is not None
    shares = maps.activation_maps(head, found.features, range(1000), model.package.manifest.output)
    np.testing.assert_allclose(shares.mean(axis=(1, 2)) + head.layers[0].bias, found.scores, atol=0.02)


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "swish", "hard-swish"])
@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_gradients_are_those_of_the_logits(pooling: Any, activation: Any) -> None:
    random = np.random.default_rng(5)

    def numbers(*shape: int) -> Any:
        return random.normal(size=shape)  # float64, so that small steps can be told

    head = Head(pooling, (Dense(numbers(8, 6), numbers(6)), Dense(numbers(6, 4), numbers(4))), activation)
    features = np.abs(numbers(3, 3, 8)) * 2
    found = head.gradients(features, np.arange(4))
    place = features.reshape(-1, 8).argmax(axis=0)
    step = 1e-5
    for channel in range(8):
        moved = features.copy()
        if pooling == "mean":
            moved[..., channel] += step
        else:
            moved[(*divmod(place[channel], 3), channel)] += step
        change: Any = head.logits(moved) - head.logits(features)
        np.testing.assert_allclose(found[channel], change / step, atol=1e-3)


def test_a_head_that_is_not_the_models_is_not_used(tmp_path: Path) -> None:
    other = tmp_path / "other"
    changed(other, without="tensorflow")
    shutil.copy(ROOT / "model/efficientnet-lite0/model.tflite", other / "model.tflite")
    model = Classifier.load(other, settings=Settings(backend="litert"))
    assert model.explain(photo("dog.webp")).method == "cam"
    head = litert_head.read(model.package)
    assert head is not None
    wrong = Head("mean", (Dense(head.layers[0].weights[:, ::-1], head.layers[0].bias),))
    vars(model._runner)["_head"] = wrong
    assert model.explain(photo("dog.webp")).method == "occlusion"
