"""A package that runs on ONNX Runtime, behind the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from classifier import Classifier, Settings
from tests.support import tiny_onnx
from tests.support.api import PANDA, classify
from web.api import routes
from web.app import routes as ours
from web.models import Models


def test_its_scores_are_those_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_onnx.package(tmp_path / "tiny", tiny_onnx.network()).folder
    models = Models(Settings(model=str(folder), models=tmp_path))
    models.start()
    assert models.state == "ready"
    monkeypatch.setattr(routes, "models", lambda: models)
    client = TestClient(Starlette(routes=ours), raise_server_exceptions=False)
    answer = classify(client, PANDA).json()
    assert answer["model"] == "tiny"
    expected = Classifier.load(folder).classify(PANDA).predictions
    assert {one.label for one in expected} == {"cat", "dog", "hen"}
    (result,) = answer["results"]
    assert [(one["label"], one["score"]) for one in result["predictions"]] == [
        (one.label, pytest.approx(one.score, abs=1e-6)) for one in expected
    ]
    info = client.get("/api/v1/info").json()
    assert (info["backend"], info["device"][:3]) == ("onnx", "CPU")
    models.decoder.close()
