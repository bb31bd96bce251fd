"""What a `.keras` file may name without being trusted."""

from __future__ import annotations

import inspect
import json
import os
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from classifier.backends import keras_classes
from classifier.backends.keras_classes import risk
from classifier.backends.loading import load
from classifier.backends.model_files import ModelFile
from classifier.errors import TrustError
from tests.support.late import late

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not find_spec("keras"), reason="Keras is not installed")]

keras = late("keras")


def layer(name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def function(module: str, name: str) -> dict[str, Any]:
    return layer("Activation", activation=layer("function", module) | {"config": name, "registered_name": name})


def model(inner: dict[str, Any]) -> dict[str, Any]:
    return layer("Sequential", "keras", layers=[layer("Dense", units=3), inner])


@pytest.mark.parametrize(
    ("inner", "said"),
    [
        (layer("Lambda"), "a Lambda layer, which is code"),
        (layer("Activation", activation=layer("__lambda__", "builtins")), "a Lambda layer, which is code"),
        (layer("Lambda", "keras.src.layers.core.lambda_layer"), "a Lambda layer, which is code"),
        (layer("TFSMLayer", filepath="/etc"), "a SavedModel that is loaded from another folder"),
        (layer("TorchModuleWrapper", "keras.src.utils.torch_utils"), "which is code"),
        (layer("JaxLayer"), "which is code"),
        (layer("FlaxLayer"), "which is code"),
        (layer("StringLookup", vocabulary="/etc/passwd"), "a StringLookup layer that reads the file /etc/passwd"),
        (layer("TextVectorization", vocabulary="https://example.org/x"), "reads the file https://example.org/x"),
        (layer("TimeDistributed", layer=layer("IntegerLookup", vocabulary="x")), "reads the file x"),
        (function("keras.applications", "ResNet50"), "keras.applications.ResNet50, which could do more than compute"),
        (function("keras.datasets.mnist", "load_data"), "keras.datasets.mnist.load_data"),
        (function("keras.utils", "get_file"), "keras.utils.get_file"),
        (function("tf_keras.utils", "get_file"), "tf_keras.utils.get_file"),
        (function("keras.models", "load_model"), "keras.models.load_model"),
        (function("keras.layers", "deserialize"), "keras.layers.deserialize"),
        (function("keras.activations", "deserialize"), "keras.activations.deserialize"),
        (function("builtins", "get"), "builtins.get"),
        (function("keras.distribution", "initialize"), "keras.distribution.initialize"),
        (layer("CSVLogger", "keras.callbacks", filename="x"), "keras.callbacks.CSVLogger"),
        (layer("KerasFileEditor", "keras.saving", filepath="x"), "keras.saving.KerasFileEditor"),
        (layer("ExportArchive", "keras.src.export.saved_model"), "keras.src.export.saved_model.ExportArchive"),
    ],
)
def test_what_takes_trust(inner: dict[str, Any], said: str) -> None:
    assert said in risk(model(inner))


def test_what_keras_does_not_know_is_left_to_keras() -> None:
    assert risk(model(layer("Mine", "mine"))) == ""
    assert risk(model(layer("NoSuchLayer"))) == ""
    assert risk(model({"class_name": "Mine", "config": {}})) == ""
    assert risk(model(layer("TFOpLambda", "tf_keras.src.layers.core.tf_op_layer"))) == ""


def test_each_layer_of_keras_is_allowed_or_refused_on_purpose() -> None:
    mine = {name for name in dir(keras.layers) if inspect.isclass(getattr(keras.layers, name))}
    assert mine - keras_classes._NAMES["layers"] == set(keras_classes._CODE) - {"__lambda__"}
    paths = ("file", "path", "url", "folder", "directory")
    for name in mine & keras_classes._NAMES["layers"]:
        parameters = inspect.signature(getattr(keras.layers, name).__init__).parameters
        assert not [one for one in parameters if any(part in one for part in paths)], name


def test_what_keras_own_applications_name() -> None:
    assert risk(model(layer("LayerScale", "keras.src.applications.convnext"))) == ""
    assert risk(model(layer("LayerScale", "tf_keras.src.applications.convnext"))) == ""
    assert risk(model(layer("Functional", "tf_keras.src.engine.functional"))) == ""
    assert risk(model(layer("Multiply", "keras.src.ops.numpy"))) == ""
    made = keras.applications.MobileNetV3Small((32, 32, 3), weights=None, classes=3)
    assert risk(keras.saving.serialize_keras_object(made)) == ""


def test_operations_and_what_training_leaves() -> None:
    inputs = keras.Input((8, 8, 3))
    values = keras.ops.einsum("ab->ab", keras.ops.mean(inputs / 127.5 - 1.0, (1, 2)))[:, :3]
    dense = keras.layers.Dense(3, activation=keras.activations.gelu, kernel_regularizer="l2", dtype="mixed_float16")
    made = keras.Model(inputs, dense(keras.layers.RandomFlip()(values[:, None, None])))
    made.compile("adam", "mse", metrics=["accuracy", keras.metrics.AUC()])
    assert risk(keras.saving.serialize_keras_object(made)) == ""


def test_a_file_that_names_a_function_which_downloads(tmp_path: Path) -> None:
    made = keras.Sequential([keras.Input((3,)), keras.layers.Activation("relu")])
    made.save(tmp_path / "made.keras")
    with zipfile.ZipFile(tmp_path / "made.keras") as source, zipfile.ZipFile(tmp_path / "evil.keras", "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "config.json":
                config = json.loads(data)
                config["config"]["layers"][1] = function("keras.applications", "ResNet50")
                data = json.dumps(config).encode()
            target.writestr(name, data)
    with pytest.raises(TrustError, match=r"it uses keras\.applications\.ResNet50.*--trust"):
        load(ModelFile.open(tmp_path / "evil.keras"))
