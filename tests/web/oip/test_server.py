"""The real server, asked by unmodified clients of inference servers and by hostile ones."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import numpy as np
import pytest

from classifier.protocols import oip
from classifier.protocols.oip import InferRequest, Tensor
from tests.support.photos import golden_photos, photo
from tests.support.server import running
from tests.support.waiting import until
from tests.support.wire import Answer, answer, head, metric

triton = pytest.importorskip("tritonclient.http", reason="its dependencies have wheels on Linux alone")

MODEL = "efficientnet-lite0"
INFER = f"/v2/models/{MODEL}/infer"
KEY, OTHER = "k" * 16, "o" * 16
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Under a path, as behind a proxy, and with keys."""
    folder = tmp_path_factory.mktemp("oip")
    (folder / "keys").write_text(f"mine {KEY}\nothers {OTHER}\n")
    settings = {
        "CLASSIFIER_MODEL": MODEL,
        "CLASSIFIER_API_KEYS_FILE": str(folder / "keys"),
        "CLASSIFIER_CORS_ORIGINS": "https://www.example.org",
        "STREAMLIT_SERVER_BASE_URL_PATH": "demo",
    }
    with running(folder / "log.txt", settings) as found:
        yield found
    assert "Traceback" not in (folder / "log.txt").read_text()


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    place = urlsplit(address)
    with triton.InferenceServerClient(f"{place.netloc}/demo") as client:
        yield client


def infer(client: Any, data: Any, name: str, datatype: str, *, binary: bool = True, **more: Any) -> Any:
    # A copy, since the client adds its own to the headers that it gets.
    sent = triton.InferInput(name, list(data.shape), datatype)
    sent.set_data_from_numpy(data, binary_data=binary)
    return client.infer(MODEL, [sent], headers=dict(BEARER), **more)


def pictures(*files: bytes) -> Any:
    return np.array(files, np.object_)


def test_tritonclient_finds_server_and_model(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(MODEL, headers=dict(BEARER))
    assert not client.is_model_ready("none", headers=dict(BEARER))
    assert client.get_server_metadata(headers=BEARER)["extensions"] == [oip.BINARY, "classification"]
    about = client.get_model_metadata(MODEL, model_version="1", headers=dict(BEARER))
    assert (about["platform"], about["versions"]) == ("image-classifier", ["1"])
    assert [part["name"] for part in about["inputs"]] == ["picture", "pixels", "values"]
    assert [part["shape"] for part in about["outputs"]] == [[-1, 1000], [-1, 1000], [-1, -1, -1, -1]]
    names = {model["name"] for model in client.get_model_repository_index(headers=BEARER)}
    assert MODEL in names


def test_tritonclient_gets_the_scores_of_the_api_for_every_sample(client: Any, address: str) -> None:
    """Other forms of requests are in test_infer.py; these are what the client itself makes of each sample."""
    for file in [each.path for each in golden_photos() if each.path.parent.name == "samples"]:
        data = file.read_bytes()
        found = httpx.post(f"{address}/api/v1/classify?top_k=1000", content=data, headers=BEARER).json()
        expected = np.zeros(1000, np.float32)
        for part in found["results"][0]["predictions"]:
            expected[part["index"]] = part["score"]
        output = triton.InferRequestedOutput("probabilities", binary_data=True)
        answered = infer(client, pictures(data), "picture", "BYTES", outputs=[output], request_id=file.name)
        assert answered.get_response()["id"] == file.name
        np.testing.assert_array_equal(answered.as_numpy("probabilities"), expected[None])


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("coding", [None, "gzip", "deflate"])
def test_tritonclient_sends_pixels(client: Any, binary: bool, coding: str | None) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (2, 224, 224, 3), np.uint8)
    outputs = [triton.InferRequestedOutput("scores", binary_data=binary)]
    more = {"request_compression_algorithm": coding, "response_compression_algorithm": coding}
    found = infer(client, pixels, "pixels", "UINT8", binary=binary, outputs=outputs, **more).as_numpy("scores")
    alone = infer(client, pixels[1:], "pixels", "UINT8", outputs=outputs).as_numpy("scores")
    assert found.shape == (2, 1000)
    np.testing.assert_array_equal(found[1], alone[0])


def test_tritonclient_gets_labels_and_sentences(client: Any) -> None:
    outputs = [triton.InferRequestedOutput("probabilities", class_count=1)]
    panda = pictures(photo("panda.webp").read_bytes())
    found = infer(client, panda, "picture", "BYTES", outputs=outputs, parameters={"lang": "zh"})
    assert found.as_numpy("probabilities")[0, 0].decode().endswith(":388:大熊猫")
    with pytest.raises(triton.InferenceServerException, match="not a picture in a supported format"):
        infer(client, pictures(b"\0"), "picture", "BYTES")
    with pytest.raises(triton.InferenceServerException, match="needs a key"):
        client.get_server_metadata()


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 401), ("/", 401), (f"/models/{MODEL}", 401), ("/later", 401), ("/health/live", 200), ("/health/ready", 200)],
)
def test_all_but_health_needs_the_key(address: str, path: str, status: int) -> None:
    response = httpx.get(f"{address}/v2{path}")
    assert response.status_code == status
    if status == 401:
        assert response.json()["error"] == response.json()["detail"]
        assert response.headers["www-authenticate"].startswith("Bearer")


def test_pages_of_a_named_site_may_call_it(address: str) -> None:
    site = {"Origin": "https://www.example.org"}
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": oip.HEADER_LENGTH}
    preflight = httpx.options(f"{address}{INFER}", headers={**site, **asked})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, site["Origin"])
    refused = httpx.get(f"{address}/v2", headers=site)
    assert refused.headers["access-control-allow-origin"] == site["Origin"]


def test_another_host_is_told_so_in_both_ways(address: str) -> None:
    response = httpx.get(f"{address}/v2/health/live", headers={"Host": "evil.example"})
    assert (response.status_code, response.json()["code"]) == (400, "unknown_host")
    assert response.json()["error"] == response.json()["detail"]


def test_a_body_over_the_limit_is_refused_before_it_is_sent(address: str) -> None:
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        connection.sendall(head(f"/demo{INFER}", Content_Length="100000000000", **BEARER))
        found: Answer = answer(connection)
    assert json.loads(found.body)["error"] == found.problem(413, "request_too_large", "application/json")


@pytest.mark.slow
def test_while_others_are_there_a_client_has_its_share_of_the_queue(address: str) -> None:
    pixels = np.zeros((1, 224, 224, 3), np.uint8)
    body, length = oip.encode_request(InferRequest([Tensor("pixels", pixels)]), binary=True)
    found: list[int] = []

    def ask(key: str = KEY) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", oip.HEADER_LENGTH: str(length)}
        response = httpx.post(f"{address}{INFER}", content=body, headers=headers, timeout=60)
        found.append(response.status_code)
        return response

    assert ask(OTHER).status_code == 200
    threads = [threading.Thread(target=ask) for _ in range(30)]
    for thread in threads:
        thread.start()
    until(lambda: 429 in found, 60)
    assert ask(OTHER).status_code == 200
    for thread in threads:
        thread.join()
    assert set(found) == {200, 429}
    until(lambda: metric(address, "classifier_budget_used_bytes") == 0)


def test_a_batch_that_nobody_waits_for_ends(address: str) -> None:
    pixels = Tensor("pixels", np.zeros((100, 224, 224, 3), np.uint8))
    body, length = oip.encode_request(InferRequest([pixels]), binary=True)
    alone = {**BEARER, oip.HEADER_LENGTH: "0"}
    assert httpx.post(f"{address}{INFER}", content=photo("panda.webp").read_bytes(), headers=alone).status_code == 200
    before = pictures_counted(address)
    place = urlsplit(address)
    with socket.create_connection((place.hostname, place.port), timeout=30) as connection:
        sent = {oip.HEADER_LENGTH: str(length), "Content-Length": str(len(body)), **BEARER}
        connection.sendall(head(f"/demo{INFER}", **sent) + body)
        until(lambda: pictures_counted(address) > before, 60)
    until(lambda: metric(address, "classifier_budget_used_bytes") == 0, 60)
    assert pictures_counted(address) < before + 100


def pictures_counted(address: str) -> float:
    return metric(address, re.escape(f'classifier_pictures_total{{client="api",model="{MODEL}",outcome="ok"}}'))
