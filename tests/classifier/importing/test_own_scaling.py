"""Models that scale their values themselves: by layers, by `preprocess_input`, by plain arithmetic, in every format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from classifier.importing.litert import graph as tflite_graph
from classifier.importing.options import SCALES
from classifier.importing.tensorflow import graph as tensorflow_graph
from classifier.importing.values.affine import identity
from tests.support.imported import LABELS, TRUSTED, answer, bring, pixels, write_labels

pytestmark = pytest.mark.slow

_PREPROCESSORS = (
    "densenet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
)
_MEANS = np.array([103.939, 116.779, 123.68], np.float32)


def _augmented(keras: Any, image: Any) -> Any:
    layers = keras.layers
    for layer in (layers.Resizing(24, 24), layers.RandomFlip(), layers.RandomRotation(0.1), layers.RandomZoom(0.1)):
        image = layer(image)
    return image


_TOLD: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "x / 255": ("raw", lambda keras, x: x / 255.0),
    "x * (1 / 255)": ("raw", lambda keras, x: x * (1 / 255)),
    "x / 127.5 - 1": ("raw", lambda keras, x: x / 127.5 - 1),
    "(x - 127.5) / 127.5": ("raw", lambda keras, x: (x - 127.5) / 127.5),
    "1 - x / 255": ("raw", lambda keras, x: 1 - x / 255.0),
    "x * 255": ("unit", lambda keras, x: x * 255.0),
    "x * 2 - 1": ("unit", lambda keras, x: x * 2 - 1),
    "x - 0.5": ("unit", lambda keras, x: x - 0.5),
    "(x + 1) * 127.5": ("signed", lambda keras, x: (x + 1) * 127.5),
    "(x + 1) / 2": ("signed", lambda keras, x: (x + 1) / 2),
    "ImageNet's of 0 to 1": (
        "unit",
        lambda keras, x: (
            (x - np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
        ),
    ),
    "augmented / 255": ("raw", lambda keras, x: _augmented(keras, x) / 255.0),
    "augmented * 255": ("unit", lambda keras, x: _augmented(keras, x) * 255.0),
    "float16 / 255": ("raw", lambda keras, x: keras.ops.cast(x, "float16") / 255),
    "clipped / 255": ("raw", lambda keras, x: keras.ops.clip(x, 0, 255) / 255),
    "blue first, by flip": ("raw", lambda keras, x: keras.ops.flip(x, -1) - _MEANS),
    "blue first, by take": ("raw", lambda keras, x: keras.ops.take(x, [2, 1, 0], axis=-1) / 127.5 - 1),
    "blue first, by slices": ("raw", lambda keras, x: x[..., ::-1] - _MEANS),
    "each colour": (
        "raw",
        lambda keras, x: keras.ops.concatenate(
            [part - mean for part, mean in zip(keras.ops.split(x, 3, axis=-1), (123.0, 117.0, 104.0), strict=True)], -1
        ),
    ),
    "caffe of 0 to 1": ("unit", lambda keras, x: keras.applications.vgg16.preprocess_input(x * 255.0)),
    "there and back": ("signed", lambda keras, x: keras.applications.mobilenet_v2.preprocess_input((x + 1) * 127.5)),
    "Normalization": ("raw", lambda keras, x: keras.layers.Normalization(mean=[120.0] * 3, variance=[3e3] * 3)(x)),
    "Rescaling": ("raw", lambda keras, x: keras.layers.Rescaling(1 / 127.5, offset=-1)(_augmented(keras, x))),
    "as EfficientNet does": (
        "raw",
        lambda keras, x: keras.layers.Rescaling([1.0 / np.sqrt(one) for one in (0.229, 0.224, 0.225)])(
            keras.layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.229, 0.224, 0.225])(
                keras.layers.Rescaling(1 / 255)(x)
            )
        ),
    ),
}
_UNTOLD: dict[str, Callable[[Any, Any], Any]] = {
    "nothing": lambda keras, x: x,
    "x * 2": lambda keras, x: x * 2,
    "x + 1": lambda keras, x: x + 1,
    "-x": lambda keras, x: -x,
    "clipped": lambda keras, x: keras.ops.clip(x, 0, 255),
    "log": lambda keras, x: keras.ops.log(x + 1),
    "its own deviation": lambda keras, x: (x - keras.ops.mean(x)) / keras.ops.std(x),
    "two ways": lambda keras, x: keras.layers.Concatenate()([x / 255.0, x])[..., 1:4],
    "BatchNormalization": lambda keras, x: keras.layers.BatchNormalization()(x),
    "efficientnet": lambda keras, x: keras.applications.efficientnet.preprocess_input(x),
}


def build(make: Any, before: Callable[[Any], Any], library: Any = None, last: str | None = "softmax") -> Any:
    """A functional model that begins with some arithmetic."""
    library = library or make.keras
    image = library.layers.Input((24, 24, 3))
    return library.Model(image, make.small(library, last=last)(before(image)))


def told(model: Any, size: int = 24) -> str | None:
    """The values that its graph tells."""
    graph = tensorflow_graph.read(lambda image: model(image, training=False), (size, size, 3), "float32")
    return str(graph.scaling) if graph.scaling else None


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_each_preprocessing_function_of_keras_is_read(make: Any, library: str) -> None:
    keras = getattr(make, library)
    for name in _PREPROCESSORS:
        model = build(make, getattr(keras.applications, name).preprocess_input, keras)
        assert told(model) == "0 to 255", name


@pytest.mark.parametrize("name", _TOLD)
def test_plain_arithmetic_is_read(make: Any, name: str) -> None:
    scale, before = _TOLD[name]
    assert told(build(make, lambda image: before(make.keras, image))) == str(SCALES[scale])


@pytest.mark.parametrize("name", _UNTOLD)
def test_what_does_not_tell_is_not_claimed(make: Any, name: str) -> None:
    assert told(build(make, lambda image: _UNTOLD[name](make.keras, image))) is None


def test_a_division_by_zero_tells_nothing() -> None:
    assert identity().then("/", np.zeros(1), first=False) is None
    assert identity().then("/", np.ones(1), first=True) is None
    multiplied = identity().then("*", np.zeros(1), first=False)
    assert multiplied is not None
    assert multiplied.values() is None


def test_a_network_of_keras_with_layers_for_it_inside(make: Any) -> None:
    network = make.keras.applications.MobileNetV3Small
    assert told(network(input_shape=(64, 64, 3), weights=None, include_top=False, pooling="avg"), 64) == "0 to 255"


@pytest.mark.parametrize("name", ["1 - x / 255", "ImageNet's of 0 to 1", "blue first, by slices", "each colour"])
def test_a_converted_model_is_read_in_the_same_way(make: Any, name: str) -> None:
    """Apart from what the converter puts into the weights of the first layer."""
    scale, before = _TOLD[name]
    graph = tflite_graph.read(
        tflite_graph.parse(make.tflite(build(make, lambda image: before(make.keras, image)), "float32"))
    )
    assert str(graph.scaling) == str(SCALES[scale])


_IMPORTED: dict[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "tf": ("raw", lambda keras, x: keras.applications.mobilenet_v2.preprocess_input(x)),
    "torch": ("raw", lambda keras, x: keras.applications.densenet.preprocess_input(x)),
    "caffe": ("raw", lambda keras, x: keras.applications.vgg16.preprocess_input(x)),
    "Rescaling": ("raw", lambda keras, x: keras.layers.Rescaling(1 / 127.5, offset=-1)(x)),
    "x / 255": ("raw", lambda keras, x: x / 255.0),
    "(x + 1) * 127.5": ("signed", lambda keras, x: (x + 1) * 127.5 / 64),
}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("tf", "keras"),
        ("tf", "keras 2"),
        ("torch", "export"),
        ("caffe", "keras"),
        ("caffe", "keras 2"),
        ("Rescaling", "keras 2"),
        ("x / 255", "export"),
        ("(x + 1) * 127.5", "keras"),
    ],
)
def test_the_scores_are_those_of_the_model(make: Any, tmp_path: Path, name: str, kind: str) -> None:
    scale, before = _IMPORTED[name]
    keras = make.tf_keras if kind == "keras 2" else make.keras
    model = build(make, lambda image: before(keras, image), keras)
    source = save(model, tmp_path, kind)
    imported, said = bring(source, TRUSTED)
    assert said["values"].startswith(f"{SCALES[scale]}: the model scales them itself")
    agree(imported.package.folder, make.predict(model, values(scale)))


@pytest.mark.parametrize("kind", ["keras", "export", "keras 2"])
def test_one_logit_is_not_taken_for_a_probability(make: Any, tmp_path: Path, kind: str) -> None:
    """With pixels of 0 to 1 the logits of this model lie between 0 and 1."""
    keras = make.tf_keras if kind == "keras 2" else make.keras
    keras.utils.set_random_seed(6)
    layers = keras.layers
    image = layers.Input((24, 24, 3))
    pooled = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(image))
    start = {
        "kernel_initializer": keras.initializers.Constant(0.2),
        "bias_initializer": keras.initializers.Constant(0.1),
    }
    model = keras.Model(image, layers.Dense(1, **start)(pooled))
    source = save(model, tmp_path, kind)
    write_labels(tmp_path, LABELS[:2])
    imported, said = bring(source, TRUSTED)
    assert said["values"].startswith("0 to 255: the model scales them itself")
    logit = float(make.predict(model, values("raw"))[0])
    assert 0 < logit < 1
    second = 1 / (1 + np.exp(-logit))
    agree(imported.package.folder, [1 - second, second])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_function_within_functions(make: Any, tmp_path: Path, compiled: bool) -> None:
    """Also one that XLA compiles, which TensorFlow does not put in place of its call."""
    tf = make.tf

    class Nested(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.mean = tf.Variable([123.675, 116.28, 103.53])
            self.kernel = tf.Variable(np.random.default_rng(6).normal(size=(3, 3)).astype(np.float32))
            inner = tf.function(lambda image: (image - self.mean) / 58.0, autograph=False, jit_compile=compiled)
            self.outer = tf.function(lambda image: inner(tf.cast(image, tf.float32)), autograph=False)
            signature = [tf.TensorSpec((None, 24, 24, 3), tf.float32, name="image")]
            self.call = tf.function(
                lambda image: {"scores": tf.nn.softmax(tf.reduce_mean(self.outer(image), [1, 2]) @ self.kernel)},
                input_signature=signature,
                autograph=False,
            )

    module = Nested()
    tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.call})
    write_labels(tmp_path)
    imported, said = bring(tmp_path / "saved")
    assert said["values"] == "0 to 255: the model scales them itself"
    agree(imported.package.folder, module.call(values("raw")[None])["scores"].numpy()[0])


def test_whole_numbers_are_the_pixels_themselves(make: Any, tmp_path: Path) -> None:
    module = make.plain(tmp_path / "saved", dtype=make.tf.uint8)
    write_labels(tmp_path)
    imported, said = bring(tmp_path / "saved")
    assert said["values"] == "0 to 255: its input is of whole numbers, 0 to 255"
    logits = pixels((24, 24)).round().mean(axis=(0, 1)) @ module.kernel.numpy()
    powers = np.exp(logits - logits.max())
    agree(imported.package.folder, powers / powers.sum())


def test_a_saved_model_that_does_not_tell_stays_a_guess(make: Any, tmp_path: Path) -> None:
    model = make.small()
    source = save(model, tmp_path, "export")
    imported, said = bring(source)
    assert said["values"].startswith("0 to 1: a guess")
    agree(imported.package.folder, make.predict(model, values("unit")))


def save(model: Any, folder: Path, kind: str) -> Path:
    """A model's file or SavedModel, with labels beside it."""
    write_labels(folder)
    if kind == "keras":
        model.save(folder / "model.keras")
        return folder / "model.keras"
    if kind == "export":
        model.export(folder / "saved", verbose=False)
    else:
        model.save(folder / "saved", save_format="tf")
    return folder / "saved"


def values(scale: str) -> Any:
    """The picture in the values of a scaling, `(24, 24, 3)`."""
    return np.asarray((pixels((24, 24)) - SCALES[scale].mean) / SCALES[scale].std, np.float32)


def agree(folder: Path, expected: Any) -> None:
    """The package gives the scores of the model."""
    wanted = dict(zip(LABELS, np.asarray(expected).tolist(), strict=False))
    assert max(wanted.values()) - min(wanted.values()) > 0.05, "these would hardly change, whatever went wrong"
    assert answer(folder) == pytest.approx(wanted, abs=0.01)
