"""The JSON API as the design says: answers, problem+json for every error, OpenAPI."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.types import Message

from classifier import Classifier, __version__
from classifier.errors import BusyError
from tests.support.photos import photo
from web import models as registry
from web.app import routes

PANDA = photo("panda.webp").read_bytes()
DOG = photo("dog.webp").read_bytes()


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    registry.models().start()
    assert registry.models().state == "ready"
    with TestClient(Starlette(routes=routes), raise_server_exceptions=False) as client:
        yield client


def classify(client: TestClient, *pictures: bytes, **params: Any) -> Any:
    files = [("file", (f"{number}.jpg", data)) for number, data in enumerate(pictures)]
    return client.post("/api/v1/classify", files=files, params=params)


def problem(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "code"}
    assert (body["status"], body["code"]) == (status, code)
    assert "Traceback" not in body["detail"]
    return str(body["detail"])


def test_a_form_with_one_picture(client: TestClient) -> None:
    answer = classify(client, PANDA, top_k=3).json()
    assert answer["model"] == "efficientnet-lite2"
    (result,) = answer["results"]
    assert [set(one) for one in result["predictions"]] == [{"label", "score", "index"}] * 3
    assert result["predictions"][0]["label"] == "giant panda"
    assert (result["width"], result["height"], result["format"]) == (1024, 681, "WEBP")
    assert set(result["timings"]) == {"queue", "decode", "preprocess", "inference", "total"}
    assert result["device"].startswith("CPU")
    assert result["sure"] is True


def test_a_raw_body_gives_the_same(client: TestClient) -> None:
    raw = client.post("/api/v1/classify", content=PANDA, headers={"Content-Type": "image/webp"})
    form = classify(client, PANDA)
    assert raw.json()["results"][0]["predictions"] == form.json()["results"][0]["predictions"]


def test_the_scores_are_those_of_the_library(client: TestClient) -> None:
    expected = Classifier.load(registry.models().packages["efficientnet-lite2"]).classify(PANDA)
    got = classify(client, PANDA).json()["results"][0]["predictions"]
    assert [(one["index"], one["score"]) for one in got] == [(one.index, one.score) for one in expected.predictions]


def test_several_pictures_come_in_order(client: TestClient) -> None:
    results = classify(client, PANDA, DOG, PANDA, top_k=1).json()["results"]
    assert [one["predictions"][0]["index"] for one in results] == [388, 235, 388]


def test_one_bad_picture_among_several_leaves_the_others(client: TestClient) -> None:
    response = classify(client, PANDA, b"no picture", DOG[:2000])
    assert response.status_code == 200
    fine, wrong, broken = response.json()["results"]
    assert fine["predictions"][0]["index"] == 388
    assert (wrong["error"]["status"], wrong["error"]["code"]) == (415, "unsupported_format")
    assert (broken["error"]["status"], broken["error"]["code"]) == (400, "broken_image")


def test_model_and_language(client: TestClient) -> None:
    answer = classify(client, PANDA, model="efficientnet-lite0", lang="zh", top_k=1).json()
    assert answer["model"] == "efficientnet-lite0"
    assert answer["results"][0]["predictions"][0]["label"] == "大熊猫"


def test_not_a_picture(client: TestClient) -> None:
    assert "JPEG" in problem(classify(client, b"hello"), 415, "unsupported_format")
    raw = client.post("/api/v1/classify", content=b"hello")
    problem(raw, 415, "unsupported_format")


def test_a_broken_picture(client: TestClient) -> None:
    assert "damaged" in problem(classify(client, PANDA[:3000]), 400, "broken_image")


def test_too_many_bytes(client: TestClient) -> None:
    limit = registry.models().plan.max_bytes
    problem(classify(client, b"\xff\xd8\xff" + b"x" * limit), 413, "too_many_bytes")
    half = b"\xff\xd8\xff" + b"x" * (limit // 2)
    problem(classify(client, half, half), 413, "request_too_large")
    problem(client.post("/api/v1/classify", content=b"x" * (limit + 1)), 413, "too_many_bytes")


def test_too_many_bytes_without_an_announced_length(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        sent = 0
        while sent < 3 * registry.models().plan.max_bytes:
            sent += 1_000_000
            yield b"x" * 1_000_000

    problem(client.post("/api/v1/classify", content=endless()), 413, "request_too_large")


def test_too_many_pixels(client: TestClient) -> None:
    stream = io.BytesIO()
    Image.new("1", (10_000, 5_001)).save(stream, "PNG")
    detail = problem(classify(client, stream.getvalue()), 413, "too_many_pixels")
    assert "10000 x 5001" in detail


@pytest.mark.parametrize("params", [{"top_k": 0}, {"top_k": -3}, {"top_k": "many"}, {"lang": "fr"}, {"top_k": 1001}])
def test_bad_parameters(client: TestClient, params: dict[str, Any]) -> None:
    problem(classify(client, PANDA, **params), 422, "unknown_language" if "lang" in params else "bad_parameter")


@pytest.mark.parametrize("name", ["nothing", "../efficientnet-lite0", "/etc", "a/b", "\0"])
def test_an_unknown_model(client: TestClient, name: str) -> None:
    detail = problem(classify(client, PANDA, model=name), 404, "unknown_model")
    assert "efficientnet-lite0, efficientnet-lite2" in detail


def test_a_missing_picture(client: TestClient) -> None:
    problem(client.post("/api/v1/classify"), 422, "no_picture")
    problem(client.post("/api/v1/classify", data={"file": "text"}), 415, "unsupported_format")
    problem(client.post("/api/v1/classify", files={"other": PANDA}), 422, "no_picture")
    problem(client.post("/api/v1/classify", files={"file": b""}), 422, "no_picture")


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=x"])
def test_a_broken_form(client: TestClient, kind: str) -> None:
    response = client.post("/api/v1/classify", content=b"nonsense", headers={"Content-Type": kind})
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_the_content_type_of_a_form_may_be_written_in_capitals(client: TestClient) -> None:
    form = client.build_request("POST", "/api/v1/classify", files={"file": PANDA})
    kind = form.headers["content-type"].replace("multipart/form-data", "Multipart/Form-Data")
    answer = client.post("/api/v1/classify", content=form.read(), headers={"Content-Type": kind})
    assert answer.json()["results"][0]["predictions"][0]["label"] == "giant panda"


@pytest.mark.parametrize("kind", [b"image/jpeg", b"multipart/form-data; boundary=x"])
def test_a_caller_who_goes_away_is_no_error_of_ours(client: TestClient, kind: bytes) -> None:
    """The test client always sends to the end, so this speaks ASGI itself."""
    sent: list[Message] = []
    parts: list[Message] = [
        {"type": "http.request", "body": b"--x\r\n", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return parts.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/v1/classify",
        "query_string": b"",
        "headers": [(b"content-type", kind)],
    }
    assert client.portal is not None  # not in this thread, where the browser tests' own loop runs
    client.portal.call(client.app, scope, receive, send)
    assert sent[0]["status"] == 400


def test_too_many_files(client: TestClient) -> None:
    problem(classify(client, *[b"x"] * 101), 400, "bad_form")


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v1", "/api/v1/nothing", "/api/v2/classify", "/api/v1/info/"])
def test_an_unknown_path(client: TestClient, path: str) -> None:
    problem(client.get(path), 404, "not_found")
    problem(client.post(path), 404, "not_found")


def test_a_wrong_method(client: TestClient) -> None:
    response = client.get("/api/v1/classify")
    problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_a_full_queue_says_when_to_come_back(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry.models().queue, "bound", 0)
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


def test_models(client: TestClient) -> None:
    models = client.get("/api/v1/models").json()["models"]
    assert [one["name"] for one in models] == ["cifar10", "efficientnet-lite0", "efficientnet-lite2"]
    assert [one["default"] for one in models] == [False, False, True]
    assert models[1]["input_size"] == [224, 224]
    assert models[1]["languages"] == ["en", "zh"]
    assert models[1]["published_top1"] == 0.751


def test_info(client: TestClient) -> None:
    classify(client, PANDA, model="efficientnet-lite0")
    info = client.get("/api/v1/info").json()
    assert info["version"] == __version__
    assert (info["model"], info["backend"]) == ("efficientnet-lite0", "litert")
    assert info["device"].startswith("CPU (")
    assert info["reason"]
    assert info["limits"]["max_bytes"] == 20_000_000


def test_the_schema_describes_the_answers(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    assert schema["servers"] == [{"url": "/api"}]
    operation = schema["paths"]["/v1/classify"]["post"]
    assert set(operation["requestBody"]["content"]) >= {"multipart/form-data", "image/*"}
    for status in ("400", "404", "413", "415", "422", "503"):
        assert "application/problem+json" in operation["responses"][status]["content"]
    assert set(schema["paths"]) == {"/v1/classify", "/v1/models", "/v1/info"}


def test_the_docs_page_names_no_other_host(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/api/static-offline-docs/swagger-ui-bundle.js").status_code == 200


def test_metrics_count_pictures_errors_and_stages(client: TestClient) -> None:
    def metrics() -> dict[str, float]:
        lines = client.get("/metrics").text.splitlines()
        pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    ok = 'classifier_pictures_total{client="api",model="efficientnet-lite2",outcome="ok"}'
    bad = 'classifier_pictures_total{client="api",model="",outcome="unsupported_format"}'
    classify(client, PANDA)
    classify(client, b"no picture")
    before = metrics()
    classify(client, PANDA)
    classify(client, b"no picture")
    after = metrics()
    assert after[ok] == before[ok] + 1
    assert after[bad] == before[bad] + 1
    for stage in ("queue", "decode", "preprocess", "inference", "total"):
        name = f'classifier_stage_seconds_count{{stage="{stage}"}}'
        assert after[name] == before[name] + 1
    requests = 'classifier_requests_total{method="POST",path="/api/v1/classify",status="%s"}'
    assert after[requests % 200] == before[requests % 200] + 1
    assert after[requests % 415] == before[requests % 415] + 1
    assert after["classifier_queue_depth"] == after["classifier_slots_busy"] == 0
    assert after["classifier_ready"] == 1
    assert any(name.startswith("classifier_last_inference_info{") for name in after)
