"""TensorFlow's files that are broken or do not fit, and those with code in them, which does not run unless trusted."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from classifier.errors import ModelFileError, TrustError
from classifier.importing.options import Options
from tests.support.imported import TRUSTED, answer, bring, write_labels

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path)


def with_lambda(make: Any) -> Any:
    """A model whose Lambda layer leaves a trace in the working folder whenever its code runs."""
    make.keras.utils.set_random_seed(6)
    layers = make.keras.layers
    inputs = layers.Input((8, 8, 3))
    middle = layers.Lambda(
        lambda x: (__import__("os").makedirs("written", exist_ok=True), x)[1], output_shape=(8, 8, 3)
    )(inputs)
    return make.keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(middle)))


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_the_code_of_a_lambda_layer_runs_only_when_trusted(make: Any, tmp_path: Path, ending: str) -> None:
    source, trace = tmp_path / f"model.{ending}", tmp_path / "written"
    with_lambda(make).save(source)
    shutil.rmtree(trace, ignore_errors=True)
    with pytest.raises(TrustError, match=r"CLASSIFIER_TRUST=1"):
        bring(source)
    assert not trace.exists()
    assert not (tmp_path / "package").exists()
    imported, _ = bring(source, TRUSTED)
    assert trace.exists()
    trace.rmdir()
    # Served, too, the trust is the operator's to give; LiteRT's form has no such code any more.
    with pytest.raises(TrustError, match="Lambda layer"):
        answer(imported.package.folder, "tensorflow")
    scores = answer(imported.package.folder, "litert")
    assert not trace.exists()
    assert answer(imported.package.folder, "tensorflow", trust=True) == pytest.approx(scores, abs=2e-3)


def test_an_h5_file_is_refused_before_tensorflow_is_even_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n and more")
    monkeypatch.setattr("classifier.backends.gpu.hide_unusable", lambda: pytest.fail("too late"))
    with pytest.raises(TrustError, match=r"\.h5 file can run code when it is loaded \(CVE-2025-9905\).*--trust"):
        bring(tmp_path / "model.h5")


def test_a_saved_model_that_writes_files_is_refused(make: Any, tmp_path: Path) -> None:
    make.plain(tmp_path / "saved", kind="writes")
    with pytest.raises(TrustError, match=r"its function \S+ uses WriteFile, which could read or write files.*--trust"):
        bring(tmp_path / "saved")
    assert not (tmp_path / "written").exists()


def test_broken_keras_files_are_said(make: Any, tmp_path: Path) -> None:
    make.small().save(tmp_path / "whole.h5")
    make.small().save(tmp_path / "whole.keras")
    make.small().save_weights(tmp_path / "only.weights.h5")
    for name in ("whole.h5", "whole.keras"):
        whole = (tmp_path / name).read_bytes()
        cut = tmp_path / f"cut{Path(name).suffix}"
        cut.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ModelFileError, match=r"cut\.\w+: .*damaged"):
            bring(cut, TRUSTED)
    with pytest.raises(ModelFileError, match=r"it holds only weights, not the model.*model\.save"):
        bring(tmp_path / "only.weights.h5", TRUSTED)
    assert not (tmp_path / "package").exists()


def test_a_broken_saved_model_is_said(make: Any, tmp_path: Path) -> None:
    make.plain(tmp_path / "saved")
    whole = (tmp_path / "saved" / "saved_model.pb").read_bytes()
    (tmp_path / "saved" / "saved_model.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match=r"saved: .*damaged or cut off"):
        bring(tmp_path / "saved")


def test_a_saved_model_without_a_signature(make: Any, tmp_path: Path) -> None:
    make.tf.saved_model.save(make.tf.Module(), str(tmp_path / "saved"))
    with pytest.raises(ModelFileError, match=r"no signature.*model\.export"):
        bring(tmp_path / "saved")


def test_a_saved_model_of_files_bytes(make: Any, tmp_path: Path) -> None:
    module = make.tf.Module()
    spec = make.tf.TensorSpec([None], make.tf.string, name="image")
    module.call = make.tf.function(lambda image: {"scores": make.tf.zeros([1, 3])}, input_signature=[spec])
    make.tf.saved_model.save(module, str(tmp_path / "saved"), signatures={"serving_default": module.call})
    with pytest.raises(ModelFileError, match="its input is text"):
        bring(tmp_path / "saved")


def test_shapes_that_do_not_fit(make: Any, tmp_path: Path) -> None:
    layers, keras = make.keras.layers, make.keras

    def refused(model: Any, problem: str) -> None:
        model.save(tmp_path / "model.keras")
        with pytest.raises(ModelFileError, match=problem):
            bring(tmp_path / "model.keras")

    image, other = layers.Input((8, 8, 3)), layers.Input((8, 8, 3))
    pooled = layers.GlobalAveragePooling2D()
    refused(
        keras.Model(image, [layers.Dense(3)(pooled(image)), layers.Dense(2)(pooled(image))]), "1 input and 2 outputs"
    )
    refused(keras.Model([image, other], layers.Dense(3)(pooled(image + other))), "2 inputs and 1 output")
    refused(keras.Model(image, layers.Conv2D(4, 3)(image)), r"output has the shape \(1, 6, 6, 4\), which is not a list")
    anything = layers.Input((None, None, 3))
    model = keras.Model(anything, layers.Dense(3)(pooled(anything)))
    refused(model, r"any size.*--size 224")
    imported, _ = bring(tmp_path / "model.keras", Options(size=(10, 12)))
    assert imported.package.manifest.input.size == (10, 12)


def test_a_layer_that_keras_does_not_know(make: Any, tmp_path: Path) -> None:
    class Mine(make.keras.layers.Layer):  # type: ignore[misc]
        def call(self, x: Any) -> Any:
            return x

    make.small(before=[Mine()]).save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match=r"a layer Mine that Keras does not know.*model\.export"):
        bring(tmp_path / "model.keras")


def test_scores_that_are_nan(make: Any, tmp_path: Path) -> None:
    model = make.small(last=None)
    model.layers[-1].bias.assign([float("nan")] * 3)
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelFileError, match="gives NaN or infinity"):
        bring(tmp_path / "model.keras")
