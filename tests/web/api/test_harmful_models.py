"""A server with a model among its models that crashes LiteRT: it says so, and goes on with the others."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support import harmful
from tests.support.api import PANDA
from tests.support.packages import LITE0
from tests.support.server import running


@pytest.mark.slow
def test_a_model_that_crashes_is_refused_and_the_server_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(LITE0, folder / "sound")
    shutil.move(harmful.package(tmp_path, harmful.crashing()), folder / "package")
    environment = {
        "CLASSIFIER_MODELS": str(folder),
        "CLASSIFIER_MODEL": "sound",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    with running(tmp_path / "log.txt", environment) as address, httpx.Client(base_url=address, timeout=60) as client:

        def ask(model: str) -> httpx.Response:
            return client.post("/api/v1/classify", files={"file": ("panda.jpg", PANDA)}, params={"model": model})

        for _ in range(2):
            refused = ask("package")
            assert (refused.status_code, refused.json()["code"]) == (500, "bad_package")
            assert "it crashed (Segmentation fault)" in refused.json()["detail"]
            assert ask("efficientnet-lite0").json()["results"][0]["predictions"][0]["label"] == "giant panda"
        assert client.get("/readyz").status_code == 200
