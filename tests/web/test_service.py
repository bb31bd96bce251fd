"""The service without the page: the same answers as beside it, for other servers of ASGI apps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from classifier.checkout import ROOT
from tests.support.photos import photo
from web.service import load, make_service


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client of the service, once it is loaded."""
    load()
    with TestClient(make_service(), raise_server_exceptions=False) as client:
        yield client


def test_it_classifies_and_is_ready(client: TestClient) -> None:
    assert client.get("/readyz").json()["status"] == "ready"
    answer = client.post("/api/v1/classify", content=photo("panda.webp").read_bytes()).json()
    assert answer["results"][0]["predictions"][0]["label"] == "giant panda"
    assert client.get("/v2/models/efficientnet-lite2/ready").status_code == 200


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/api", "/api/v1/nothing", "/v2/nothing"])
def test_what_is_not_there_is_a_problem(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_is_wrong_with_a_request_is_a_problem(client: TestClient) -> None:
    answer = client.post("/api/v1/classify", content=b"none")
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_format")
    both = {"Transfer-Encoding": "chunked", "Content-Length": "4"}
    answer = client.post("/api/v1/classify", content=b"none", headers=both)
    assert (answer.status_code, answer.json()["code"]) == (400, "ambiguous_length")


def test_answers_have_the_security_headers_and_allow_no_inline_scripts(client: TestClient) -> None:
    headers = client.get("/readyz").headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "script-src 'self';" in headers["Content-Security-Policy"]


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_an_error() -> None:
    code = "from web.service import load\nload()"
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), "CLASSIFIER_MODEL": "no-such-model"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 1
    assert "no-such-model" in done.stderr


def test_a_package_that_changes_is_taken_without_a_page_too(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from tests.support.changing import write
from tests.support.waiting import until
from web.models import models
from web.service import load
mine = write(Path(sys.argv[1]), 1)
load()
before = models().package().version
write(mine, 2)
until(lambda: models().package().version != before, 60)
"""
    settings = {"CLASSIFIER_MODELS": str(tmp_path), "CLASSIFIER_RELOAD": "0.2", "CLASSIFIER_BACKEND": "litert"}
    environment = {"PATH": "", "PYTHONPATH": str(ROOT), **settings}
    command = [sys.executable, "-c", code, str(tmp_path / "mine")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
