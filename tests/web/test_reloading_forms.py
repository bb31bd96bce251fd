"""Packages of every form that change while a server runs: data files of ONNX, TensorFlow's, and those of an engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from classifier import ModelPackage
from tests.support import tiny_onnx
from tests.support.changing import write
from tests.support.engine import engine
from tests.support.hostile import encode, gradient
from tests.support.served import look, made
from tests.support.waiting import until
from web.models import Models

PICTURE = encode(gradient(), "PNG")


def started(folder: Path, **settings) -> Models:
    models = made(models=folder.parent, model=folder.name, **settings)
    models.start()
    assert models.state == "ready", models.error
    return models


def answer(models: Models) -> tuple[str, list[float]]:
    """The version, and the scores of a picture."""
    found = models.classify(PICTURE, client="api")
    return models.package().version, [one.score for one in sorted(found.predictions, key=lambda one: one.index)]


def onnx_model(scale: float) -> tuple[bytes, bytes]:
    """A model whose kernel is in a file of data, and that data."""
    model = tiny_onnx.network()
    kernel = np.frombuffer(tiny_onnx.data_of(model), np.float32)
    return tiny_onnx.external(model, "kernel.data"), np.asarray(kernel * scale, np.float32).tobytes()


@pytest.mark.parametrize("place", ["onnx", "."], ids=["in a folder of its own", "beside model.toml"])
def test_data_files_of_an_onnx_model_belong_to_its_version(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "tiny"
    (folder / place).mkdir(parents=True)
    model, data = onnx_model(1)
    (folder / place / "model.onnx").write_bytes(model)
    (folder / place / "kernel.data").write_bytes(data)
    tiny_onnx.package(folder, None if place == "onnx" else model)
    models = started(folder, backend="onnx")
    before = answer(models)
    look(models)
    assert answer(models) == before
    _, changed = onnx_model(-2)
    (folder / place / "kernel.data").write_bytes(changed)
    assert answer(models) == before, "what runs changed with a file"
    look(models)
    after = answer(models)
    assert after[0] != before[0]
    assert after[1] != before[1]
    (folder / place / "kernel.data").write_bytes(changed[:40])
    look(models)
    assert models.library.state("tiny") == "outdated"
    assert answer(models) == after


def keras(folder: Path, edition: int) -> None:
    """A package of a `.keras` file."""
    from tests.support import makers

    model = makers.small()
    model.layers[-1].set_weights([one * edition for one in model.layers[-1].get_weights()])
    folder.mkdir(exist_ok=True)
    model.save(folder / "model.keras")


def saved_model(folder: Path, edition: int) -> None:
    """A package of a SavedModel, in whose folder only the variables change."""
    import tensorflow as tf

    from tests.support import makers

    folder.mkdir(exist_ok=True)
    module = makers.Plain((None, makers.SIDE, makers.SIDE, 3))
    module.kernel.assign(module.kernel * edition)
    tf.saved_model.save(module, str(folder / "saved"), signatures={"serving_default": module.call})


@pytest.mark.slow
@pytest.mark.parametrize(("make", "file", "logits"), [(keras, "model.keras", "false"), (saved_model, "saved", "true")])
def test_models_of_tensorflow_are_followed(
    tmp_path: Path, make: Callable[[Path, int], None], file: str, logits: str
) -> None:
    folder = tmp_path / "tiny"
    make(folder, 1)
    (folder / "labels.txt").write_text("cat\ndog\nhen\n", "utf-8")
    (folder / "model.toml").write_text(
        'format = 1\nname = "tiny"\ntitle = "Tiny"\n[input]\nsize = [24, 24]\n'
        f'[output]\nclasses = 3\nlogits = {logits}\n[labels]\nen = "labels.txt"\n'
        f'[weights.tensorflow]\nfile = "{file}"\n',
        "utf-8",
    )
    models = started(folder, backend="tensorflow")
    before = answer(models)
    look(models)
    assert answer(models) == before
    make(folder, 3)
    look(models)
    after = answer(models)
    assert after[0] != before[0]
    assert after[1] != before[1]


def test_a_package_whose_weights_an_engine_has_is_followed_in_all_else(tmp_path: Path) -> None:
    package = ModelPackage.load(write(tmp_path / "engine/mine", 1))
    folder = write(tmp_path / "models/mine", 1)
    (folder / "model.tflite").unlink()
    with engine(package) as there:
        models = started(folder, backend="remote", remote_url=(there.url,))
        before = answer(models)
        (folder / "labels.en.txt").write_text("one\ntwo\nthree\n", "utf-8")
        look(models)
        version, scores = answer(models)
        assert version != before[0]
        assert scores == before[1]
        assert models.classify(PICTURE, client="api").predictions[0].label in ("one", "two", "three")
        write(folder, 1, classes=4)
        look(models)
        assert models.library.state("mine") == "outdated", "the engine has three classes"
        assert answer(models) == (version, scores)
    with engine(ModelPackage.load(folder), there.server_port):
        until(lambda: models.problem is not None, 30)
        look(models)
        until(lambda: models.problem is None, 30)
        assert len(answer(models)[1]) == 4
