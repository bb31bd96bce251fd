"""A real server whose model runs in an engine: the same scores, and what it says while that engine is away."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from classifier.checkout import ROOT
from classifier.errors import EngineUnavailableError
from classifier.package import ModelPackage
from classifier.settings import read_settings
from tests.support.engine import close_to, engine
from tests.support.server import running
from tests.support.waiting import until
from web.models import Models

PHOTO = ROOT / "tests/cifar10_photos/cat/kitten.webp"
PACKAGE = ModelPackage.load(ROOT / "model/cifar10")


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


def _ask(address: str, data: bytes | None = None, kind: str = "application/octet-stream") -> _Answer:
    request = urllib.request.Request(address, data, {"Content-Type": kind} if data else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return _Answer(response.status, _lower(response.headers), json.load(response))
    except urllib.error.HTTPError as error:
        return _Answer(error.code, _lower(error.headers), json.load(error))


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _classify(address: str) -> _Answer:
    return _ask(f"{address}/api/v1/classify?top_k=10", PHOTO.read_bytes())


def _scores(address: str) -> list[float]:
    answer = _classify(address)
    assert answer.status == 200, answer
    found = {one["index"]: one["score"] for one in answer.body["results"][0]["predictions"]}
    return [found[index] for index in range(10)]


def _infer(address: str) -> _Answer:
    tensor = {"name": "values", "datatype": "FP32", "shape": [1, 224, 224, 3], "data": [0.5] * (224 * 224 * 3)}
    return _ask(f"{address}/v2/models/cifar10/infer", json.dumps({"inputs": [tensor]}).encode(), "application/json")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that runs the model itself."""
    log = tmp_path_factory.mktemp("local") / "log"
    with running(log, {"CLASSIFIER_MODEL": "cifar10"}) as address:
        yield address


def _settings(url: str) -> dict[str, str]:
    return {"CLASSIFIER_MODEL": "cifar10", "CLASSIFIER_BACKEND": "remote", "CLASSIFIER_REMOTE_URL": url}


@pytest.mark.slow
def test_a_server_may_be_the_engine_of_another(local: str, tmp_path: Path) -> None:
    with running(tmp_path / "log", _settings(local)) as address:
        close_to(_scores(address), _scores(local))
        there, here = (_classify(one).body["results"][0]["familiar"] for one in (address, local))
        assert there == pytest.approx(here, abs=1e-4)
        close_to(_infer(address).body["outputs"][0]["data"], _infer(local).body["outputs"][0]["data"])
        info = _ask(f"{address}/api/v1/info").body
        assert (info["backend"], info["device"]) == ("remote", f"{local} (Open Inference Protocol v2 over REST)")


@pytest.mark.slow
def test_a_server_says_that_its_engine_is_away_and_recovers(tmp_path: Path) -> None:
    def sentence(answer: _Answer) -> str:
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        return str(answer.body.get("detail") or answer.body["error"])

    with ExitStack() as stack:
        with engine(PACKAGE) as first:
            address = stack.enter_context(running(tmp_path / "log", _settings(first.url)))
            expected = _scores(address)
        said = "The engine that runs the model cannot be used at the moment: the connection is refused"
        assert said in sentence(_classify(address))
        assert said in sentence(_infer(address))
        until(lambda: _ask(f"{address}/readyz").status == 503)
        ready = _ask(f"{address}/readyz")
        assert said in sentence(ready)
        assert ready.body["status"] == "engine_unavailable"
        assert _ask(f"{address}/healthz").status == 200
        with engine(PACKAGE, first.server_address[1]):
            until(lambda: _ask(f"{address}/readyz").status == 200)
            close_to(_scores(address), expected)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log
    assert "cannot be used: the connection is refused" in log


@pytest.fixture
def models_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Models]]:
    """Makes the models of a server in this process, by the address of its engine."""
    made: list[Models] = []

    def make(url: str) -> Models:
        for name, value in _settings(url).items():
            monkeypatch.setenv(name, value)
        made.append(Models(read_settings()))
        return made[-1]

    yield make
    for models in made:
        models.decoder.close()


def test_a_server_starts_without_its_engine(models_of: Callable[[str], Models]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    models = models_of(f"http://127.0.0.1:{port}")
    models.start()
    assert models.state == "ready"
    assert isinstance(models.problem, EngineUnavailableError)
    with pytest.raises(EngineUnavailableError):
        models.classify(PHOTO.read_bytes(), client="api")
    with engine(PACKAGE, port):
        until(lambda: models.problem is None)
        assert models.classify(PHOTO.read_bytes(), client="api").predictions[0].label == "cat"


def test_where_the_address_names_a_model_there_is_only_the_default_one(models_of: Callable[[str], Models]) -> None:
    def named(url: str) -> list[str]:
        models = models_of(url)
        models.start()
        return list(models.packages)

    with engine(PACKAGE) as found:
        assert named(f"{found.url}/cifar10") == ["cifar10"]
        assert set(named(found.url)) > {"cifar10", "efficientnet-lite0"}


def test_more_pictures_are_worked_on_at_once_where_others_work(models_of: Callable[[str], Models]) -> None:
    with engine(PACKAGE) as found:
        assert models_of(found.url).queue.bound > Models(read_settings(backend="litert")).queue.bound
