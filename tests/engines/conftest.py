"""The engines, each started when a test first asks for it, and the pictures with which they are asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from classifier import Classifier
from classifier.picture.prepare import InProcess
from classifier.preprocessing import normalise
from classifier.settings import read_settings
from tests.support.engines import MODELS, Engine, python_of
from tests.support.photos import ROOT, photo

PHOTOS = ("panda.webp", "dog.webp", "cat.webp", "chelsea.png")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """Gives a running engine by its name; what was killed is started again."""
    engines: dict[str, Engine] = {}

    def named(name: str) -> Engine:
        if name not in engines:
            engines[name] = Engine(name, tmp_path_factory.mktemp(name))
            if name == "tensorflow_serving":
                export(MODELS[0], engines[name].log.parent / "models" / MODELS[0] / "1")
        if not engines[name].ready():
            engines[name].stop()
            engines[name].start()
        return engines[name]

    yield named
    for one in engines.values():
        one.stop()


def export(name: str, folder: Path) -> None:
    """Writes a package's Keras model as the SavedModel that TensorFlow Serving loads, in a process of its own."""
    code = "import sys, keras; keras.saving.load_model(sys.argv[1], compile=False).export(sys.argv[2], verbose=False)"
    subprocess.run([sys.executable, "-c", code, ROOT / f"model/{name}/model.keras", folder], check=True, cwd=ROOT)


@pytest.fixture(scope="session")
def local() -> Callable[[str], Classifier]:
    """Gives a model as it runs here, by its name."""

    @cache
    def named(name: str) -> Classifier:
        return Classifier.load(ROOT / "model" / name, settings=read_settings(backend="litert"))

    return named


@pytest.fixture(scope="session")
def batch(local: Callable[[str], Classifier]) -> Callable[[str], NDArray[np.float32]]:
    """Gives the photos as a model takes them, `(N, H, W, 3)` float32, by the model's name."""

    @cache
    def named(name: str) -> NDArray[np.float32]:
        spec = local(name).package.manifest.input
        decoder = InProcess(read_settings().limits)
        prepared = [decoder.prepare(photo(file).read_bytes(), spec.geometry) for file in PHOTOS]
        return np.concatenate([normalise(one.pixels, spec) for one in prepared])

    return named


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[dict[str, Any], dict[str, Any]]]:
    """Asks a server by NVIDIA's client: what it said, and the output arrays by name."""

    def ask(
        kind: str, address: str, model: str, name: str, data: Any, *rest: str
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        folder = tmp_path_factory.mktemp("plain")
        np.save(folder / "input.npy", data, allow_pickle=True)
        files = [folder / "input.npy", folder / "answers.npz"]
        command: list[str | Path] = [
            python_of("mlserver"),
            Path(__file__).with_name("plain_client.py"),
            kind,
            address,
            model,
            name,
            *files,
            *rest,
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        with np.load(folder / "answers.npz", allow_pickle=True) as answers:
            return json.loads(done.stdout), dict(answers)

    return ask
