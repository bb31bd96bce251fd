"""Models of grey pictures without an axis for channels, and inputs that may not be pictures at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.errors import ModelFileError
from classifier.importing.network import Network, layout
from classifier.importing.options import Options
from classifier.package import InputSpec
from tests.support.imported import LABELS, answer, bring, pixels, place, write_labels
from tests.support.tiny_tflite import Tiny, weights

SIZE = (20, 28)


def grey(size: tuple[int, int]) -> NDArray[np.float32]:
    """The picture in grey, 0 to 1, as Pillow and Keras weigh the colours: `(H, W)`."""
    return np.asarray(pixels(size) @ np.array([0.299, 0.587, 0.114]) / 255, np.float32)


def softmax(logits: NDArray[np.float32]) -> list[float]:
    powers = np.exp(logits - logits.max())
    return [float(power) for power in powers / powers.sum()]


def test_a_litert_model_of_height_and_width(tmp_path: Path) -> None:
    imported, said = bring(place(tmp_path, Tiny(size=(10, 8), channels=8, rank=3).build()))
    spec = imported.package.manifest.input
    assert (spec.shape, spec.channels, spec.channel_axis) == ((10, 8), 1, False)
    assert said["input"] == "10 x 8 pixels (height x width), grey, without an axis for channels"
    expected = softmax(weights(3, 8) @ grey((10, 8)).mean(axis=0))
    assert max(expected) - min(expected) > 0.05
    assert answer(imported.package.folder) == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["keras", "h5 of keras 2", "saved model", "saved model of keras 2", "tflite", "int8"])
def test_the_model_of_tensorflows_beginners(make: Any, tmp_path: Path, kind: str) -> None:
    library = make.tf_keras if "keras 2" in kind else make.keras
    library.utils.set_random_seed(6)
    layers, spread = library.layers, library.initializers.RandomNormal(stddev=0.2)
    model = library.Sequential(
        [
            layers.Input(SIZE),
            layers.Flatten(),
            layers.Dense(16, activation="relu", kernel_initializer=spread),
            layers.Dropout(0.2),
            layers.Dense(3, kernel_initializer=spread),
        ]
    )
    file = tmp_path / {"keras": "m.keras", "h5 of keras 2": "m.h5", "tflite": "m.tflite", "int8": "m.tflite"}.get(
        kind, "m"
    )
    if file.suffix == ".tflite":
        converter = make.tf.lite.TFLiteConverter.from_keras_model(model)
        if kind == "int8":
            random = np.random.default_rng(6)
            ramp = np.tile(np.linspace(0, 1, SIZE[1], dtype=np.float32), (1, SIZE[0], 1))
            converter.optimizations = [make.tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: (
                [values] for values in (ramp, *random.uniform(size=(20, 1, *SIZE)).astype(np.float32))
            )
        file.write_bytes(converter.convert())
    elif kind == "saved model":
        model.export(file, verbose=False)
    else:
        model.save(file, **({"save_format": "tf"} if kind == "saved model of keras 2" else {}))
    write_labels(tmp_path)
    imported, _ = bring(file, Options(trust=True))
    spec = imported.package.manifest.input
    assert (spec.shape, spec.channels, spec.channels_first) == (SIZE, 1, False)
    expected = softmax(make.predict(model, grey(SIZE)))
    assert max(expected) - min(expected) > 0.1
    for form in imported.package.manifest.weights:
        found = answer(imported.package.folder, form, trust=True)
        assert found == pytest.approx(dict(zip(LABELS, expected, strict=True)), abs=0.05 if kind == "int8" else 0.01)


def place_of(shape: tuple[int | None, ...], size: tuple[int, int] | None = None) -> Any:
    unused: Any = None
    return layout(Network(Path("m"), "", "litert", shape, unused, unused), size)


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((None, 28, 28), None, (28, 28)),
        ((1, 28, 28), None, (28, 28)),
        ((None, 8, 8), None, (8, 8)),
        ((None, 32, 64), None, (32, 64)),
        ((None, 32, 128), (32, 128), (32, 128)),
        ((None, None, 28), (28, 28), (28, 28)),
        ((None, None, None), (28, 30), (28, 30)),
    ],
)
def test_height_and_width_alone(
    shape: tuple[int | None, ...], size: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    found = place_of(shape, size)
    assert (found.shape, found.channels, found.channel_axis) == (expected, 1, False)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((None, 784), r"784 numbers in a row.*keras\.Input\(\(28, 28\)\)"),
        ((None, 3072), r"3072 numbers in a row.*keras\.Input\(\(32, 32, 3\)\)"),
        ((None, 30), r"numbers in a row, such as a table's columns"),
        ((None, None), r"numbers in a row"),
        ((None,), r"not a picture's"),
        ((), r"not a picture's"),
        ((None, 1, 1024), r"features that another model makes"),
        ((None, 128, 9), r"sequences of 128 steps with 9 values.*--size 128x9"),
        ((None, None, 128), r"sequences of any length with 128 values.*--size HEIGHTx128"),
        ((None, None, None), r"--size HEIGHTxWIDTH"),
        ((224, 224, 3), r"without an axis for the batch"),
        ((3, 224, 224), r"without an axis for the batch"),
        ((32, 28, 28), r"32 pictures at a time"),
        ((None, 16, 64, 64, 3), r"several pictures at once"),
        ((1, 1, 1, 1024), r"features that another model makes"),
    ],
)
def test_what_may_not_be_a_picture_is_refused(shape: tuple[int | None, ...], problem: str) -> None:
    with pytest.raises(ModelFileError, match=problem):
        place_of(shape)


def test_the_size_must_fit() -> None:
    with pytest.raises(ModelFileError, match=r"128 x 9 pixels .* and no others"):
        place_of((None, 128, 9), (9, 128))


def test_no_channel_axis_goes_with_grey_alone() -> None:
    assert InputSpec(size=(4, 6)).shape == (4, 6, 3)
    for other in ({"channels": 3}, {"channels": 1, "channels_first": True}):
        with pytest.raises(ValueError, match="channel_axis = false goes with channels = 1"):
            InputSpec.model_validate({"size": (4, 6), "channel_axis": False, **other})
