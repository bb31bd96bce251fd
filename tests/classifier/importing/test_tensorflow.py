"""Keras files of both ages, SavedModels and converted files, each made by its tool, say what they said before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from classifier.backends.loading import load
from classifier.backends.model_files import ModelFile
from classifier.errors import ModelFileError
from classifier.importing import sources, verify
from classifier.importing.options import SCALES, Options
from classifier.importing.tensorflow import reader as tensorflow
from tests.support.imported import (
    LABELS,
    TRUSTED,
    answer,
    bring,
    pixels,
    scaled,
    teachable_zip,
    write_labels,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _labels(tmp_path: Path) -> None:
    write_labels(tmp_path)


def same(folder: Path, expected: Any, *, both: bool = True, tolerance: float = 2e-3) -> None:
    """The package says what the original says, through each of its backends."""
    wanted = dict(zip(LABELS, np.asarray(expected).tolist(), strict=True))
    assert max(wanted.values()) - min(wanted.values()) > 0.05, "these would hardly change, whatever went wrong"
    for backend in ("litert", "tensorflow") if both else ("tensorflow",):
        assert answer(folder, backend) == pytest.approx(wanted, abs=tolerance), backend


def softmax(logits: Any) -> Any:
    powers = np.exp(np.asarray(logits) - np.max(logits))
    return powers / powers.sum()


@pytest.mark.parametrize(
    ("last", "logits", "several"), [("softmax", False, False), (None, True, False), ("sigmoid", False, True)]
)
def test_a_keras_file(make: Any, tmp_path: Path, last: str | None, logits: bool, several: bool) -> None:
    model = make.small(last=last)
    model.save(tmp_path / "model.keras")
    imported, said = bring(tmp_path / "model.keras")
    output = imported.package.manifest.output
    assert (output.logits, output.multi_label) == (logits, several)
    expected = make.predict(model, pixels((24, 24)) / 255)
    same(imported.package.folder, softmax(expected) if logits else expected)
    assert "float16 weights" in said["converted"]
    assert imported.difference
    assert imported.difference.most < 2e-3
    assert imported.difference.agreed == imported.difference.pictures > 20


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_an_activation_that_is_not_a_layer_is_found(make: Any, tmp_path: Path, last: str) -> None:
    """Only the graph tells: the last of the model's layers is a Dense without an activation."""
    inner = make.small(last=None)
    inputs = make.keras.layers.Input((24, 24, 3))
    model = make.keras.Model(inputs, getattr(make.keras.ops, last)(inner(inputs)))
    model.save(tmp_path / "model.keras")
    source = sources.find(tmp_path / "model.keras", tmp_path)
    assert tensorflow.read(source, Options()).activation == last


def test_its_own_rescaling_and_normalization_are_found(make: Any, tmp_path: Path) -> None:
    layers = make.keras.layers
    cases = {
        "raw": [layers.RandomFlip(), layers.Rescaling(1 / 127.5, offset=-1)],
        "unit": [layers.Rescaling(255.0)],
        "signed": [make.keras.Sequential([layers.Input((24, 24, 3)), layers.Rescaling(127.5, offset=127.5)])],
    }
    cases["raw, by a Normalization"] = [layers.Normalization(mean=[123.0, 117.0, 104.0], variance=[3400.0] * 3)]
    for number, (name, before) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        shutil.copy(tmp_path / "labels.txt", folder)
        model = make.small(before=before)
        model.save(folder / "model.keras")
        imported, said = bring(folder / "model.keras")
        scale = SCALES[name.partition(",")[0]]
        spec = imported.package.manifest.input
        assert (spec.mean, spec.std) == (scale.mean, scale.std)
        assert "layer" in said["values"]
        values = scaled(spec)
        same(imported.package.folder, make.predict(model, values))


def test_a_keras_3_h5_file_becomes_one_that_needs_no_trust(make: Any, tmp_path: Path) -> None:
    model = make.small()
    model.save(tmp_path / "model.h5")
    imported, _ = bring(tmp_path / "model.h5", TRUSTED)
    assert imported.package.manifest.weights["tensorflow"].file == "model.keras"
    same(imported.package.folder, make.predict(model, pixels((24, 24)) / 255))


def test_what_keras_2_wrote_long_ago_is_mended(make: Any, tmp_path: Path) -> None:
    model = make.teachable_machine(tmp_path / "keras_model.h5", old=True)
    with pytest.raises((TypeError, ValueError)):
        make.keras.saving.load_model(tmp_path / "keras_model.h5", compile=False)
    values = pixels((224, 224)) / 127.5 - 1
    assert np.ptp(make.predict(model, values)) > 0.05
    mended = load(ModelFile.open(tmp_path / "keras_model.h5"), trust=True)
    assert make.predict(mended.model, values) == pytest.approx(make.predict(model, values), abs=1e-6)


def test_teachable_machines_keras_zip(make: Any, tmp_path: Path) -> None:
    model = make.teachable_machine(tmp_path / "keras_model.h5")
    source = teachable_zip(tmp_path, keras=(tmp_path / "keras_model.h5").read_bytes())
    imported, said = bring(source, TRUSTED)
    assert imported.package.manifest.input.size == (224, 224)
    assert "Teachable Machine" in said["values"]
    expected = make.predict(model, pixels((224, 224), Image.Resampling.LANCZOS) / 127.5 - 1)
    same(imported.package.folder, expected)


def test_keras_2_files_of_both_kinds(make: Any, tmp_path: Path) -> None:
    layers = make.tf_keras.layers
    before = [layers.SeparableConv2D(4, 3, padding="same"), layers.Conv2DTranspose(3, 3), layers.Cropping2D(1)]
    model = make.small(make.tf_keras, before=before)
    expected = make.predict(model, pixels((24, 24)) / 255)
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        imported, _ = bring(tmp_path / name, TRUSTED)
        same(imported.package.folder, expected)
        shutil.rmtree(imported.package.folder)


@pytest.mark.parametrize("kind", ["keras 2", "keras 3", "signature alone", "batch of 1", "bytes", "channels first"])
def test_a_saved_model(make: Any, tmp_path: Path, kind: str) -> None:
    folder, scale, values = tmp_path / "saved", 255.0, pixels((24, 24)) / 255
    options = None
    if kind == "keras 2":
        model = make.small(make.tf_keras)
        model.save(folder, save_format="tf")
        expected = make.predict(model, values)
    elif kind == "keras 3":
        model = make.small()
        model.export(folder, verbose=False)
        expected = make.predict(model, values)
    else:
        shape = {"batch of 1": (1, 24, 24, 3), "channels first": (None, 3, 24, 24)}.get(kind, (None, 24, 24, 3))
        if kind == "bytes":
            scale, options = 1.0, Options(scaling=SCALES["raw"])
        module = make.plain(folder, shape, dtype=make.tf.uint8 if kind == "bytes" else make.tf.float32)
        expected = softmax((pixels((24, 24)) / scale).mean(axis=(0, 1)) @ module.kernel.numpy())
    imported, _ = bring(folder, options)
    assert imported.package.manifest.weights["tensorflow"].file == "saved_model"
    same(imported.package.folder, expected, tolerance=5e-3)


@pytest.mark.parametrize("kind", ["float32", "float16", "int8", "uint8"])
def test_what_the_converter_made(make: Any, tmp_path: Path, kind: str) -> None:
    model = make.small()
    (tmp_path / "model.tflite").write_bytes(make.tflite(model, kind))
    imported, said = bring(tmp_path / "model.tflite")
    assert said["found"].startswith(f"LiteRT model, {kind.removeprefix('u')} weights")
    assert not imported.package.manifest.output.logits
    wanted = dict(zip(LABELS, make.predict(model, pixels((24, 24)) / 255).tolist(), strict=True))
    assert max(wanted.values()) - min(wanted.values()) > 0.05
    tolerance = 0.03 if "int" in kind else 2e-3
    assert answer(imported.package.folder) == pytest.approx(wanted, abs=tolerance)
    if "int" in kind:
        assert said["values"] == "0 to 1: the range of the quantised input"


def test_what_litert_lacks_stays_with_tensorflow_and_that_is_said(make: Any, tmp_path: Path) -> None:
    make.plain(tmp_path / "saved", kind="inverse")
    imported, said = bring(tmp_path / "saved")
    assert list(imported.package.manifest.weights) == ["tensorflow"]
    assert imported.difference is None
    assert said["converted"].startswith("no, so the package needs TensorFlow: LiteRT cannot run this model")
    assert "MatrixInverse" in said["converted"]
    assert sum(answer(imported.package.folder, "tensorflow").values()) == pytest.approx(1, abs=1e-5)


def test_a_conversion_that_says_something_else_is_not_kept(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.small().save(tmp_path / "model.keras")
    monkeypatch.setattr(verify, "TOLERANCE", 0.0)
    monkeypatch.setattr(verify.Difference, "small", property(lambda self: self.most == 0 and self.pictures < 0))
    with pytest.raises(ModelFileError, match="gives other scores than the model"):
        bring(tmp_path / "model.keras")
    assert not (tmp_path / "package").exists()
