"""What Keras 2 wrote says in Keras 3 what it said there, or is refused with the names of what is in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from classifier.backends.loading import load
from classifier.backends.model_files import ModelFile, reason
from classifier.errors import ModelFileError, PackageError
from classifier.importing.options import Options
from tests.support.imported import LABELS, TRUSTED, answer, bring, pixels, write_labels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def keras2() -> Any:
    """The models, which take seconds to import."""
    from tests.support import keras2

    return keras2


def same(file: Path, model: Any, scale: float = 255) -> None:
    """The file says of a photo what the model says."""
    values = pixels((24, 24))[None] * (scale / 255)
    expected = np.asarray(model(values, training=False))
    found = np.asarray(load(ModelFile.open(file), trust=True).call(values))
    assert np.ptp(expected) > 0.05, "this would hardly change, whatever went wrong"
    assert found == pytest.approx(expected, abs=1e-5)


def refused(file: Path) -> str:
    """What is said of a file that cannot be loaded; always one line, without advice to programs."""
    with pytest.raises(PackageError) as caught:
        load(ModelFile.open(file), trust=True)
    said = caught.value.message
    assert said.startswith(f"{file}: ")
    assert "\n" not in said
    assert "scope" not in said
    return said


@pytest.mark.parametrize("kind", ["sequential", "lazy", "functional", "shared", "twice", "thawed"])
def test_a_model_that_calls_another(keras2: Any, tmp_path: Path, kind: str) -> None:
    model = keras2.trained(getattr(keras2, kind)())
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        same(tmp_path / name, model, scale=1)


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("sequential", "2.2.4-tf"),
        ("shared", "2.2.4-tf"),
        ("twice", "2.2.4-tf"),
        ("functional", "2.2.2"),
        ("twice", "2.2.2"),
    ],
)
def test_a_file_of_an_older_version(keras2: Any, tmp_path: Path, kind: str, version: str) -> None:
    file = tmp_path / "model.h5"
    model = keras2.trained(getattr(keras2, kind)())
    model.save(file)
    keras2.as_old(file, version)
    same(file, model, scale=1)
    assert load(ModelFile.open(file), trust=True).inputs == ((None, 24, 24, 3),)


def test_nodes_of_a_graph_of_an_older_version(keras2: Any, tmp_path: Path) -> None:
    same(tmp_path / "model.h5", keras2.op_layer(tmp_path / "model.h5"))


@pytest.mark.parametrize("kind", ["augmented", "operations", "mobilenet_v2", "resnet50", "densenet", "divided", "mean"])
def test_what_is_done_to_the_input_and_between_layers(keras2: Any, tmp_path: Path, kind: str) -> None:
    make = getattr(keras2, kind, None)
    model = keras2.trained(make() if make else keras2.preprocessed(kind))
    # tf-keras cannot write the slice of `resnet50` into a .keras file.
    for name in ("model.h5",) if kind in ("resnet50", "operations") else ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        same(tmp_path / name, model)


@pytest.mark.parametrize(("kind", "name"), [("augmented", "model.keras"), ("mobilenet_v2", "model.h5")])
def test_a_package_of_it(keras2: Any, tmp_path: Path, kind: str, name: str) -> None:
    write_labels(tmp_path)
    model = keras2.trained(keras2.augmented() if kind == "augmented" else keras2.preprocessed(kind))
    model.save(tmp_path / name)
    imported, said = bring(tmp_path / name, TRUSTED)
    assert "the model scales them itself" in said["values"]
    expected = np.asarray(model(pixels((24, 24))[None], training=False))[0]
    for backend in ("litert", "tensorflow"):
        found = answer(imported.package.folder, backend)
        assert found == pytest.approx(dict(zip(LABELS, expected.tolist(), strict=True)), abs=2e-3)


def test_keras_3_layers_that_only_train_need_no_known_options(make: Any, tmp_path: Path) -> None:
    """Keras 3.5 wrote `value_range` for a RandomRotation, which later versions refuse."""
    import zipfile

    layers = make.keras.layers
    model = make.small(before=[make.keras.Sequential([layers.RandomFlip(), layers.RandomRotation(0.1)])])
    model.save(tmp_path / "new.keras")
    with zipfile.ZipFile(tmp_path / "new.keras") as new, zipfile.ZipFile(tmp_path / "old.keras", "w") as old:
        for name in new.namelist():
            content = new.read(name)
            if name == "config.json":
                content = content.replace(b'"factor"', b'"value_range": [0, 255], "factor"')
            old.writestr(name, content)
    values = pixels((24, 24)) / 255
    found = np.asarray(load(ModelFile.open(tmp_path / "old.keras")).call(values[None]))[0]
    assert found == pytest.approx(make.predict(model, values), abs=1e-6)


@pytest.mark.parametrize("library", ["keras", "tf_keras"])
def test_what_keras_does_not_have_is_named(make: Any, tmp_path: Path, library: str) -> None:
    keras = getattr(make, library)
    register = keras.saving.register_keras_serializable

    @register("Custom", "Attention2D")
    class Attention2D(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, values: Any) -> Any:
            return values * 2

    class KerasLayer(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, values: Any) -> Any:
            return values / 2

    def twice(values: Any) -> Any:
        return values * 2

    inner = keras.Sequential([KerasLayer(name="hub_layer")])
    activated = keras.layers.Conv2D(3, 1, activation=twice, name="last_conv")
    for name in ("model.h5", "model.keras"):
        make.small(keras, before=[Attention2D(name="looks"), inner, activated]).save(tmp_path / name)
        said = refused(tmp_path / name)
        assert "the layer looks of the class Attention2D" in said
        assert "the layer hub_layer of the class KerasLayer" in said
        assert "the activation twice (in its layer last_conv)" in said
        assert 'model.export("folder")' in said
        assert ".tflite" in said


def test_an_operation_that_keras_does_not_have_is_named(make: Any, keras2: Any, tmp_path: Path) -> None:
    image = keras2.inputs()
    odd = make.tf.nn.local_response_normalization(image)
    for name in ("model.h5", "model.keras"):
        make.tf_keras.Model(image, keras2.head(odd)).save(tmp_path / name)
        said = refused(tmp_path / name)
        assert "the TensorFlow operation nn.local_response_normalization" in said
    with pytest.raises(ModelFileError, match="local_response_normalization"):
        bring(tmp_path / "model.keras", Options())


def test_an_activation_that_changed_is_not_mistaken(make: Any, keras2: Any, tmp_path: Path) -> None:
    """`hard_sigmoid` is another function in Keras 3."""
    layers = make.tf_keras.layers
    model = keras2.trained(make.small(make.tf_keras, before=[layers.Conv2D(3, 3, activation="hard_sigmoid")]))
    model.save(tmp_path / "model.h5")
    same(tmp_path / "model.h5", model, scale=1)
    model.save(tmp_path / "model.keras")
    assert "hard_sigmoid of Keras 2 (in its layer conv2d" in refused(tmp_path / "model.keras")


def _write(file: Path, config: Any, **attributes: str) -> Path:
    with h5py.File(file, "w") as opened:
        opened.attrs["model_config"] = json.dumps(config)
        opened.attrs.update(attributes)
        opened.create_group("model_weights")
    return file


def test_keras_1_and_theano_have_sentences_of_their_own(tmp_path: Path) -> None:
    dense = {"class_name": "Dense", "config": {"name": "dense_1", "output_dim": 3, "init": "glorot_uniform"}}
    config = {"class_name": "Sequential", "config": [dense]}
    assert "Keras 1 wrote it, before 2017" in refused(_write(tmp_path / "a.h5", config))
    assert "Keras 1.2.1 wrote it" in refused(_write(tmp_path / "b.h5", config, keras_version="1.2.1"))
    dense["config"] = {"name": "dense_1", "units": 3, "batch_input_shape": [None, 4]}
    theano = _write(tmp_path / "c.h5", config, keras_version="2.0.6", backend="theano")
    assert "Keras on Theano wrote it" in refused(theano)


def test_weights_that_are_missing_or_of_another_model(make: Any, tmp_path: Path) -> None:
    file = tmp_path / "model.h5"
    make.tf_keras.backend.clear_session()  # so that its layers have names without numbers
    make.small(make.tf_keras).save(file)
    with h5py.File(file, "r+") as opened:
        group = opened["model_weights"]["dense"]
        kernel = next(name for name in group.attrs["weight_names"] if "kernel" in str(name))
        del group[kernel]
        group[kernel] = np.zeros((8, 4), np.float32)
    assert "the weights of its layer dense have other shapes" in refused(file)
    with h5py.File(file, "r+") as opened:
        opened["model_weights"]["dense"].attrs["weight_names"] = []
    assert "the weights of its layer dense are missing" in refused(file)


def test_layers_of_keras_own_applications(keras2: Any, tmp_path: Path) -> None:
    model = keras2.trained(keras2.of_applications())
    for name in ("model.h5", "model.keras"):
        model.save(tmp_path / name)
        same(tmp_path / name, model, scale=1)


def test_a_cause_is_one_line_without_places_and_frames() -> None:
    said = reason(
        ValueError(
            "Exception encountered: \x1b[1mcannot read '/tmp/classifier-x1/model.keras'\x1b[0m\n\n"
            'Arguments received by Dense.call():\n  File "/usr/lib/keras.py", line 3, in f'
        )
    )
    assert said.endswith("not supported: cannot read the file")
