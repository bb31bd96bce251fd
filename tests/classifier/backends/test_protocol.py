"""What every backend gives, and how it refuses a model that does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from classifier import ModelPackage, PackageError
from classifier.backends.choice import load_backend
from classifier.backends.protocol import Outputs
from tests.support.packages import changed


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
def test_outputs(package: ModelPackage, name: str) -> None:
    backend, reason = load_backend(package, name, threads=2)
    assert reason == "chosen by the operator"
    assert backend.device == "CPU (2 threads)"
    batch = np.random.default_rng(0).normal(size=(3, 224, 224, 3)).astype(np.float32)
    scores, features = backend.run(batch)
    assert scores.shape == (3, 1000)
    assert features is not None
    assert features.shape == (3, 7, 7, 1280)
    one = backend.run(batch[1:2])
    assert isinstance(one, Outputs)
    assert np.allclose(one.scores[0], scores[1], atol=1e-4)


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
def test_a_changed_weights_file_is_refused(tmp_path: Path, name: str) -> None:
    package = changed(tmp_path / "copy")
    file = package.folder / package.manifest.weights[name].file  # type: ignore[index]
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(PackageError, match=r"sha256.*damaged or was replaced"):
        load_backend(package, name, 1)


@pytest.mark.parametrize(
    ("name", "problem"),
    [("litert", "LiteRT cannot load it"), ("tensorflow", "not a model file of a known kind, or it is damaged")],
)
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, name: str, problem: str) -> None:
    folder = tmp_path / "copy"
    package = changed(folder)
    file = folder / package.manifest.weights[name].file  # type: ignore[index]
    file.write_bytes(b"this is no model")
    text = (folder / "model.toml").read_text("utf-8")
    text = "\n".join(line for line in text.splitlines() if not line.startswith("sha256"))
    (folder / "model.toml").write_text(text, "utf-8")
    with pytest.raises(PackageError, match=f"{file.name}: .*{problem}"):
        load_backend(ModelPackage.load(folder), name, 1)


@pytest.mark.parametrize("name", ["litert", "tensorflow"])
@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("size = [224, 224]", "size = [192, 192]", "input.size"),
        ("classes = 1000", "classes = 2", "output.classes"),
    ],
)
def test_a_model_that_does_not_fit_its_manifest_is_refused(
    tmp_path: Path, name: str, old: str, new: str, key: str
) -> None:
    folder = tmp_path / "copy"
    changed(folder, (old, new)) if "size" in old else changed(folder)
    if "classes" in old:
        text = (folder / "model.toml").read_text("utf-8").replace(old, new)
        (folder / "model.toml").write_text(text, "utf-8")
        for labels in ("labels.en.txt", "labels.zh.txt"):
            (folder / labels).write_text("one\ntwo\n", "utf-8")
    with pytest.raises(PackageError, match=key.replace(".", r"\.")):
        load_backend(ModelPackage.load(folder), name, 1)
