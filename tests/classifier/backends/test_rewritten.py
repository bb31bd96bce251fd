"""A loaded model does not change, nor crash, when its files are written over or cut off."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier import Classifier, Settings
from classifier.backends.choice import load_backend
from tests.support import tiny_onnx
from tests.support.changing import write
from tests.support.hostile import encode, gradient

PICTURE = encode(gradient(), "PNG")


def scores(model: Classifier) -> list[float]:
    return [one.score for one in model.classify(PICTURE).predictions]


@pytest.mark.parametrize("content", [b"", b"\0" * 100_000], ids=["cut off", "other content"])
def test_litert(tmp_path: Path, content: bytes) -> None:
    model = Classifier.load(write(tmp_path / "mine", 1), settings=Settings(backend="litert", threads=2))
    before = scores(model)
    with (tmp_path / "mine" / "model.tflite").open("r+b") as file:
        file.truncate(len(content))
        file.write(content)
    assert scores(model) == before
    many = model._backend.for_many()  # loaded only now, of the same content
    batch = np.ones((2, *model.package.manifest.input.shape), np.float32)
    assert np.allclose(many.run(batch).scores, model._backend.run(batch).scores, atol=1e-6)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize("place", ["", "onnx"], ids=["beside", "folder"])
def test_onnx(tmp_path: Path, place: str) -> None:
    model = tiny_onnx.network()
    folder = tmp_path / "tiny" / place
    folder.mkdir(parents=True)
    (folder / "kernel.data").write_bytes(tiny_onnx.data_of(model))
    content = tiny_onnx.external(model, "kernel.data")
    if place:
        (folder / "model.onnx").write_bytes(content)
    package = tiny_onnx.package(tmp_path / "tiny", None if place else content)
    backend, _ = load_backend(package, "onnx", 1)
    values = tiny_onnx.pictures(1)
    before = backend.run(values).scores
    with (folder / "kernel.data").open("r+b") as file:
        file.truncate(0)
    assert np.array_equal(backend.run(values).scores, before)
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()
