"""Integer models of TensorFlow's converter: what their scores are, and which values they take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.importing.options import SCALES, Scaling
from tests.support.imported import answer, bring, pixels, place
from tests.support.quantised import SIDE, Values, converted, network, said_by, softmax, values_of


def same(folder: Path, expected: Values, labels: tuple[str, ...]) -> None:
    """The package's best 100 are those of the model."""
    true = dict(zip(labels, expected.tolist(), strict=True))
    found = answer(folder)
    assert found == pytest.approx({label: true[label] for label in found}, abs=0.01)
    assert max(found.values()) == pytest.approx(expected.max(), abs=0.01)


@pytest.mark.parametrize(("classes", "ends"), [(3, "int8"), (3, "uint8"), (3, "float32"), (1000, "int8")])
@pytest.mark.parametrize(
    ("last", "squash", "logits", "several"),
    [
        (None, softmax, True, False),
        ("softmax", lambda scores: scores, False, False),
        ("sigmoid", lambda scores: scores, False, True),
    ],
)
def test_the_last_operation_decides_what_scores_are(
    make: Any,
    tmp_path: Path,
    ends: str,
    classes: int,
    last: str | None,
    squash: Callable[[Values], Values],
    logits: bool,
    several: bool,
) -> None:
    file = converted(make, network(make, classes, last), SCALES["unit"], ends)
    labels = tuple(f"c{index}" for index in range(classes))
    imported, _ = bring(place(tmp_path, file, labels=labels))
    output = imported.package.manifest.output
    assert (output.logits, output.multi_label) == (logits, several)
    same(imported.package.folder, squash(said_by(file, values_of(pixels((SIDE, SIDE)), SCALES["unit"]))), labels)


@pytest.mark.parametrize(("classes", "ends"), [(3, "float32"), (1000, "int8")])
def test_a_softmax_behind_which_comes_more_is_told_by_the_scores(
    make: Any, tmp_path: Path, classes: int, ends: str
) -> None:
    """A mean of two softmaxes adds up to 1; a difference of logits does not, and goes below 0."""
    keras = make.keras
    for last, logits in (("softmax", False), (None, True)):
        image = keras.layers.Input((SIDE, SIDE, 3))
        heads = [network(make, classes, last)(image), network(make, classes, last)(image)]
        model = keras.Model(image, keras.layers.Average()(heads))
        file = converted(make, model, SCALES["unit"], ends)
        labels = tuple(f"c{index}" for index in range(classes))
        imported, _ = bring(place(tmp_path / str(last), file, labels=labels))
        output = imported.package.manifest.output
        assert (output.logits, output.multi_label) == (logits, False)
        scores = said_by(file, values_of(pixels((SIDE, SIDE)), SCALES["unit"]))
        same(imported.package.folder, softmax(scores) if logits else scores, labels)


@pytest.mark.parametrize(
    ("scale", "ends"),
    [
        *((scale, "float32") for scale in SCALES),
        ("unit", "int8"),
        ("signed", "uint8"),
        ("raw", "int8"),
        ("imagenet", "uint8"),
    ],
)
def test_the_first_quantisation_tells_the_values(make: Any, tmp_path: Path, ends: str, scale: str) -> None:
    scaling = SCALES[scale]
    model = network(make, 3, "softmax")
    if scale in ("raw", "caffe"):
        model.layers[0].kernel.assign(model.layers[0].kernel / 255)
    file = converted(make, model, scaling, ends)
    imported, said = bring(place(tmp_path, file))
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std) == (scaling.mean, scaling.std)
    assert "the range of the quantised input" in said["values"]
    assert ("ImageNet" in said["values"]) == (scale in ("imagenet", "caffe"))
    assert ("a guess" in said["values"]) == (scale == "caffe"), "a range does not tell the order of the colours"
    values = values_of(pixels((SIDE, SIDE)), scaling)
    expected = said_by(file, values)
    same(imported.package.folder, expected, ("cat", "dog", "bird"))
    assert make.predict(model, values) == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize(
    ("scale", "ends"), [("unit", "int8"), ("signed", "float32"), ("raw", "int8"), ("raw", "float32")]
)
def test_the_quantisation_counts_for_more_than_what_the_first_layer_seems_to_do(
    make: Any, tmp_path: Path, ends: str, scale: str
) -> None:
    """A layer that subtracts .5 looks as if it took 0 to 1; one that divides by 255, as if it took 0 to 255."""
    before = make.keras.layers.Rescaling(1 / 255 if scale == "raw" else 2.0, offset=0.0 if scale == "raw" else -1.0)
    model = make.keras.Sequential([make.keras.layers.Input((SIDE, SIDE, 3)), before, network(make, 3, "softmax")])
    file = converted(make, model, SCALES[scale], ends)
    imported, _ = bring(place(tmp_path, file))
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std) == (SCALES[scale].mean, SCALES[scale].std)
    expected = said_by(file, values_of(pixels((SIDE, SIDE)), SCALES[scale]))
    same(imported.package.folder, expected, ("cat", "dog", "bird"))


def test_an_unusual_range_stays_a_guess(make: Any, tmp_path: Path) -> None:
    file = converted(make, network(make, 3, "softmax"), Scaling(100.0, 30.0), "float32")
    _, said = bring(place(tmp_path, file))
    assert "a guess" in said["values"]


def test_grey_pictures_have_no_range_of_three_colours(make: Any, tmp_path: Path) -> None:
    scaling = Scaling(255 * 0.445, 255 / 4.758)  # the same range as ImageNet's
    file = converted(make, network(make, 3, "softmax", channels=1), scaling, "float32")
    _, said = bring(place(tmp_path, file))
    assert "a guess" in said["values"]


@pytest.mark.parametrize("ends", ["int8", "float32"])
def test_teachable_machines_grey_export(make: Any, tmp_path: Path, ends: str) -> None:
    scaling = Scaling(127.0, 127.0)
    file = converted(make, network(make, 3, "softmax", channels=1, side=96), scaling, ends)
    labels = ("0 cat", "1 dog", "2 bird")
    imported, said = bring(place(tmp_path, file, "vww_96_grayscale_quantized.tflite", labels))
    spec = imported.package.manifest.input
    assert (spec.mean, spec.std, spec.channels) == (127.0, 127.0, 1)
    assert "Teachable Machine" in said["values"]
    grey = pixels((96, 96), Image.Resampling.LANCZOS) @ np.array([[0.299], [0.587], [0.114]], np.float32)
    same(imported.package.folder, said_by(file, values_of(grey, scaling)), ("cat", "dog", "bird"))


def test_teachable_machines_file_name_does_not_overrule_the_file(make: Any, tmp_path: Path) -> None:
    file = converted(make, network(make, 3, "softmax", channels=1, side=96), SCALES["unit"])
    imported, _ = bring(place(tmp_path, file, "vww_96_grayscale_quantized.tflite"))
    assert (imported.package.manifest.input.mean, imported.package.manifest.input.std) == (0.0, 255.0)
