"""The locked runtime dependencies suffice: page, API and command run without TensorFlow, PyTorch or ONNX Runtime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.photos import ROOT, photo
from tests.support.server import running


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment as `make demo` makes it."""
    folder = tmp_path_factory.mktemp("runtime") / "venv"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    python = folder / "bin" / "python"
    install = f"{uv} pip install --quiet --python {python} --require-hashes -r requirements/runtime.txt"
    subprocess.run(install.split(), check=True, cwd=ROOT)
    return python


@pytest.mark.slow
def test_the_command_runs_on_the_runtime_alone(python: Path) -> None:
    for name in ("tensorflow", "keras", "onnxruntime", "torch", "pytest"):
        assert subprocess.run([python, "-c", f"import {name}"], capture_output=True).returncode
    command = [str(python), "-m", "classifier", "classify", "--json", str(photo("panda.webp"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(done.stdout)["results"]
    assert result["predictions"][0]["label"] == "giant panda"


@pytest.mark.slow
def test_tensorflow_is_asked_for_by_name_when_it_is_wanted(python: Path) -> None:
    command = [str(python), "-m", "classifier", "classify", str(photo("panda.webp"))]
    environment = {**os.environ, "CLASSIFIER_BACKEND": "tensorflow"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "extra `tensorflow`" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_the_server_runs_on_the_runtime_alone(python: Path, tmp_path: Path) -> None:
    with running(tmp_path / "log.txt", python=python) as address:
        curl = ["curl", "-sS", "-F", f"file=@{photo('dog.webp')}", f"{address}/api/v1/classify"]
        answer = json.loads(subprocess.run(curl, capture_output=True, check=True).stdout)
    assert answer["results"][0]["predictions"][0]["label"] == "German Shepherd Dog"
