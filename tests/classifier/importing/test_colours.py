"""Models that take blue, green and red, as Caffe, OpenCV and a part of Keras's applications have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier.errors import ParameterError
from classifier.importing.core import Imported
from classifier.importing.options import SCALES, Options
from tests.support.imported import LABELS, answer, bring, pixels, place, write_labels
from tests.support.onnx_models import MEAN, SIDE, STD, check, first, network, save, scores
from tests.support.tiny_tflite import Tiny, weights

CAFFE = np.array([103.939, 116.779, 123.68], np.float32)


def caffe(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """As in Caffe's models, `(H, W, 3)`: blue, green, red of 0 to 255, without their mean."""
    return np.asarray(values[..., ::-1] - CAFFE, np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("application", ["resnet50", "vgg16"])
def test_keras_applications_with_their_preparation_outside(make: Any, tmp_path: Path, application: str) -> None:
    model = make.small()
    model.layers[0].set_weights([weight / 60 for weight in model.layers[0].get_weights()])
    model.save(tmp_path / "model.keras")
    write_labels(tmp_path)
    imported, said = bring(tmp_path / "model.keras", Options(scaling=SCALES["caffe"]))
    assert said["input"] == "24 x 24 pixels (height x width), in colour, blue first (BGR)"
    assert said["values"] == "0 to 255 less ImageNet's mean: as you say"
    prepared = getattr(make.keras.applications, application).preprocess_input(pixels((24, 24)).copy())
    expected = make.predict(model, prepared)
    other = make.predict(model, np.ascontiguousarray(prepared[..., ::-1]))
    assert abs(expected - other).max() > 0.05, "the order would make no difference"
    for backend in ("litert", "tensorflow"):
        same(imported, expected, backend)


@pytest.mark.slow
@pytest.mark.parametrize("first_layer", ["subtraction", "normalisation"])
def test_a_keras_model_that_subtracts_the_mean_of_blue_first(make: Any, tmp_path: Path, first_layer: str) -> None:
    """Converters from Caffe leave the order of the colours to the program."""
    layers = (make.keras if first_layer == "subtraction" else make.tf_keras).layers
    if first_layer == "subtraction":
        model = make.small(before=[layers.Rescaling(1.0, offset=[-float(one) for one in CAFFE])])
    else:
        model = make.small(make.tf_keras, before=[layers.BatchNormalization(center=False, scale=False)])
        model.layers[0].set_weights([CAFFE, np.full(3, 60.0**2, np.float32)])
    if first_layer == "subtraction":
        model.layers[1].set_weights([weight / 60 for weight in model.layers[1].get_weights()])
    write_labels(tmp_path)
    model.save(tmp_path / "saved.keras" if first_layer == "subtraction" else tmp_path / "saved")
    imported, said = bring(tmp_path / ("saved.keras" if first_layer == "subtraction" else "saved"))
    assert "BGR" in said["input"]
    assert said["values"].startswith("0 to 255: the model scales them itself")
    expected = make.predict(model, np.ascontiguousarray(pixels((24, 24))[..., ::-1]))
    assert max(expected) - min(expected) > 0.05
    same(imported, expected)


def same(imported: Imported, expected: NDArray[Any], backend: str = "litert") -> None:
    found = answer(imported.package.folder, backend)
    assert [found[label] for label in LABELS] == pytest.approx(expected.tolist(), abs=0.002)


def by_hand(values: NDArray[Any]) -> NDArray[Any]:
    """What the tiny LiteRT model says of values `(H, W, 3)`."""
    powers = np.exp(weights(len(LABELS)) @ values.mean(axis=(0, 1)))
    return np.asarray(powers / powers.sum())


@pytest.mark.parametrize("channels_first", [False, True])
def test_any_scaling_in_another_order(tmp_path: Path, channels_first: bool) -> None:
    source = place(tmp_path, Tiny(channels_first=channels_first).build())
    imported, said = bring(source, Options(scaling=SCALES["unit"], colours="bgr"))
    same(imported, by_hand(pixels((8, 6))[..., ::-1] / 255))
    assert "BGR" in said["input"]


def test_the_order_that_is_said_counts_more_than_the_usual_one(tmp_path: Path) -> None:
    imported, said = bring(place(tmp_path, Tiny().build()), Options(scaling=SCALES["caffe"], colours="rgb"))
    same(imported, by_hand(caffe(pixels((8, 6)))[..., ::-1]))
    assert "BGR" not in said["input"]


def test_grey_has_no_order(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="grey pictures, which have no colours"):
        bring(place(tmp_path, Tiny(channels=1).build()), Options(colours="bgr"))


def test_an_onnx_model_is_told_to_take_another_order(tmp_path: Path) -> None:
    file = save(tmp_path, network(gain=1 / 60))
    expected = scores(file, lambda values: first(caffe(values)))
    imported, _ = check(file, expected, Options(scaling=SCALES["caffe"], link=True))
    assert (imported.package.folder / "model.onnx").is_symlink(), "the model itself needs no change"


@pytest.mark.parametrize("key", ["mean", "Image.BitmapPixelFormat"])
def test_metadata_with_the_mean_of_blue_first(tmp_path: Path, key: str) -> None:
    """OpenCV's users write down mean and std in the order of their values."""
    told = {"mean": ",".join(map(str, MEAN[::-1])), "std": ",".join(map(str, STD[::-1]))}
    if key != "mean":
        told[key] = "Bgr8"
    file = save(tmp_path, network(metadata=told, shape=[1, 3, SIDE, SIDE]))
    _, said = check(file, scores(file, lambda values: first((values[..., ::-1] / 255 - MEAN[::-1]) / STD[::-1])))
    assert said["values"] == "by ImageNet's mean and standard deviation: the file's metadata says so"
    assert "BGR" in said["input"]


def test_tried_in_the_order_that_the_file_tells(tmp_path: Path) -> None:
    model = network(metadata={"Image.BitmapPixelFormat": "Bgr8"})
    file = save(tmp_path, model)
    expected = scores(file, lambda values: first(values[..., ::-1] / 255))
    _, said = check(file, expected)
    assert "a guess" in said["values"]
