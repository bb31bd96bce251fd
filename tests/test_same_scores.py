"""Page apart, all ways in give the same scores: the API over HTTP, the command line, and Python; on both backends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from classifier import Classifier, Settings
from tests.support.photos import photo
from tests.support.server import ROOT, running

PHOTO = photo("chelsea.png")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["litert", "tensorflow"])
def test_curl_command_line_and_python_agree(tmp_path: Path, backend: str) -> None:
    model = Classifier.load(ROOT / "model/efficientnet-lite0", settings=Settings(backend=backend))
    expected = [(one.index, one.score) for one in model.classify(PHOTO).predictions]
    assert expected

    def scores(answer: str) -> list[tuple[int, float]]:
        (result,) = json.loads(answer)["results"]
        assert result["backend"] == backend
        return [(one["index"], one["score"]) for one in result["predictions"]]

    environment = {"CLASSIFIER_BACKEND": backend, "CLASSIFIER_MODEL": "efficientnet-lite0"}
    with running(tmp_path / "log.txt", environment) as address:
        curl = ["curl", "-sS", "-F", f"file=@{PHOTO}", f"{address}/api/v1/classify"]
        over_http = subprocess.run(curl, capture_output=True, text=True, check=True).stdout
    command = [sys.executable, "-m", "classifier", "classify", "--json", str(PHOTO)]
    by_command = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=ROOT, env={**os.environ, **environment}
    ).stdout
    if backend == "litert":
        assert scores(over_http) == expected
        assert scores(by_command) == expected
    else:
        # TensorFlow adds up in an order that its threads decide.
        for found in (scores(over_http), scores(by_command)):
            assert [index for index, _ in found] == [index for index, _ in expected]
            assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-5)
