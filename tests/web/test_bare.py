"""A server on a bare model file: imported once at the start, answered from, and gone with the server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.imported import LABELS, bring, place, teachable_zip
from tests.support.photos import ROOT, photo
from tests.support.server import running, started
from tests.support.tiny_tflite import Tiny


def api(address: str) -> dict[str, Any]:
    """The answer of the API, of a real photo."""
    request = urllib.request.Request(f"{address}/api/v1/classify", photo("panda.webp").read_bytes())
    with urllib.request.urlopen(request, timeout=30) as response:
        found: dict[str, Any] = json.load(response)
    return found


@pytest.fixture
def teachable(tmp_path: Path) -> Path:
    """Teachable Machine's zip of a LiteRT model."""
    return teachable_zip(tmp_path)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("launcher", [False, True], ids=["streamlit run", "classifier serve"])
def test_a_zip_is_served_and_leaves_nothing(teachable: Path, temporary: Path, tmp_path: Path, launcher: bool) -> None:
    environment = {"CLASSIFIER_MODEL": str(teachable), "TMPDIR": str(temporary)}
    log = tmp_path / "log.txt"
    with started(log, environment, launcher=launcher) as (_, address):
        found = api(address)
        assert [path.name.startswith("classifier-import-") for path in temporary.iterdir()].count(True) == 1
    assert found["model"] == "converted-tflite"
    assert {one["label"] for one in found["results"][0]["predictions"]} == set(LABELS)
    assert "Teachable Machine" in log.read_text()
    assert not list(temporary.iterdir())


@pytest.mark.slow
def test_a_keras_file_is_served_when_it_is_trusted(tmp_path: Path, temporary: Path) -> None:
    from tests.support import makers

    makers.small().save(tmp_path / "keras_model.h5")
    (tmp_path / "labels.txt").write_text("".join(f"{index} {label}\n" for index, label in enumerate(LABELS)))
    environment = {"CLASSIFIER_MODEL": str(tmp_path), "CLASSIFIER_TRUST": "1", "TMPDIR": str(temporary)}
    with running(tmp_path / "log.txt", environment, seconds=300) as address:  # TensorFlow converts it first
        found = api(address)
    (result,) = found["results"]
    assert result["backend"] == "litert"
    assert sum(one["score"] for one in result["predictions"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.slow
def test_one_that_is_not_trusted_is_said_and_not_served(tmp_path: Path, temporary: Path) -> None:
    source = place(tmp_path, b"\x89HDF\r\n\x1a\n and more", "model.h5")
    environment = {**os.environ, "CLASSIFIER_MODEL": str(source), "TMPDIR": str(temporary)}
    command = [sys.executable, "-m", "classifier", "serve", "--port", "0"]
    ended = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "CLASSIFIER_TRUST=1" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not list(temporary.iterdir())


@pytest.mark.slow
def test_an_imported_package_is_served(tmp_path: Path) -> None:
    imported, _ = bring(place(tmp_path, Tiny(size=(20, 30), last="sigmoid").build()))
    with running(tmp_path / "log.txt", {"CLASSIFIER_MODEL": str(imported.package.folder)}) as address:
        found = api(address)
    assert found["model"] == "package"
    assert sum(one["score"] for one in found["results"][0]["predictions"]) != pytest.approx(1, abs=1e-3)
