"""Errors of the API as problem+json: unknown paths, a full queue, a model that loads, and the unforeseen."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from classifier.errors import BusyError
from classifier.machine.queue import WorkQueue
from tests.support.api import PANDA, classify, problem
from web import models as registry


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/classify", "/api/v1/info/"])
def test_an_unknown_path(client: TestClient, path: str) -> None:
    problem(client.get(path), 404, "not_found")
    problem(client.post(path), 404, "not_found")


def test_a_wrong_method(client: TestClient) -> None:
    response = client.get("/api/v1/classify")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_a_full_queue_says_when_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.models(), "queue", WorkQueue(running=0, waiting=0))
    response = classify(client, PANDA)
    problem(response, 503, BusyError.code)
    assert response.headers["retry-after"] == "1"


def test_before_the_model_is_loaded(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.models(), "state", "starting")
    response = classify(client, PANDA)
    problem(response, 503, "not_ready")
    assert int(response.headers["retry-after"]) > 0
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"status": "starting"})
    assert client.get("/healthz").json() == {"status": "alive"}


def test_an_unforeseen_error_tells_nothing(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(registry.models(), "classify", fail)
    assert "secret" not in problem(classify(client, PANDA), 500, "internal")
