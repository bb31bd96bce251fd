"""What a request of the protocol may hold, and what every other one is told; in this process."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from classifier.errors import BusyError
from classifier.preprocessing import normalise
from classifier.protocols import oip
from classifier.protocols.oip import InferRequest, InferResponse, RequestedOutput, Tensor
from classifier.views import VIEWS
from tests.support.api import DOG, PANDA, classify
from tests.support.hostile import encode
from tests.support.photos import photo
from web import models as registry
from web.app import middleware, routes

MODEL = "efficientnet-lite0"
KOALA = photo("koala.webp").read_bytes()
INFER = f"/v2/models/{MODEL}/infer"
SIDE = 224
PIXELS = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), np.uint8)


@pytest.fixture(scope="module")
def http() -> Iterator[TestClient]:
    """Asks our routes within everything that stands before them."""
    registry.models().start()
    registry.models().get(MODEL)
    with TestClient(Starlette(routes=routes, middleware=middleware), raise_server_exceptions=False) as client:
        yield client


def send(http: TestClient, request: InferRequest, *, binary: bool = True, **more: Any) -> Any:
    body, length = oip.encode_request(request, binary=binary)
    headers = {oip.HEADER_LENGTH: str(length)} if length is not None else {}
    return http.post(more.pop("path", INFER), content=body, headers={**headers, **more})


def infer(http: TestClient, tensor: Tensor, *asked: str, binary: bool = True, **parameters: Any) -> InferResponse:
    outputs = [RequestedOutput(name) for name in asked]
    request = InferRequest([tensor], outputs, parameters={"binary_data_output": binary, **parameters})
    response = send(http, request, binary=binary)
    assert response.status_code == 200, response.text
    length = response.headers.get(oip.HEADER_LENGTH)
    assert (length is not None) == binary
    return oip.decode_response(response.content, int(length) if length else None)


def refused(response: Any, status: int, code: str) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"  # KServe's client reads no sentence from any other
    about = response.json()
    assert (about["status"], about["code"], about["error"]) == (status, code, about["detail"])
    return str(about["detail"])


def tensor(**about: Any) -> dict[str, Any]:
    return {"name": "picture", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(PANDA).decode()], **about}


def api_scores(http: TestClient, *pictures: bytes) -> list[list[float]]:
    found = []
    for result in classify(http, *pictures, model=MODEL, top_k=1000).json()["results"]:
        by_index = {part["index"]: part["score"] for part in result["predictions"]}
        found.append([by_index[index] for index in range(1000)])
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_that_of_the_api(http: TestClient, view: str) -> None:
    answer = infer(http, oip.strings("picture", [PANDA, KOALA]), "probabilities", view=view)
    expected = [
        [part["score"] for part in sorted(result["predictions"], key=lambda part: part["index"])]
        for result in classify(http, PANDA, KOALA, model=MODEL, view=view, top_k=1000).json()["results"]
    ]
    assert np.array_equal(answer.outputs[0].data, np.array(expected, np.float32))


@pytest.mark.parametrize("wrong", ["all", 1, True, ""])
def test_another_view_is_refused(http: TestClient, wrong: Any) -> None:
    request = InferRequest([oip.strings("picture", [PANDA])], parameters={"view": wrong})
    said = refused(send(http, request), 400, "bad_message")
    assert said == "The parameter 'view' must be 'crop', 'whole' or 'both'."


def test_what_is_an_input_already_has_no_view(http: TestClient) -> None:
    request = InferRequest([Tensor("pixels", PIXELS)], parameters={"view": "whole"})
    said = refused(send(http, request), 400, "bad_message")
    assert said == "The parameter 'view' goes with the input 'picture' only. Leave it out."


@pytest.mark.parametrize("binary", [True, False])
def test_pictures_get_the_scores_of_the_api_in_order(http: TestClient, binary: bool) -> None:
    answer = infer(http, oip.strings("picture", [PANDA, DOG, PANDA]), binary=binary)
    (output,) = answer.outputs
    assert (answer.model_name, answer.model_version, output.name) == (MODEL, "1", "probabilities")
    assert output.data.tolist() == api_scores(http, PANDA, DOG, PANDA)


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"parameters": {"content_type": "base64"}},
        {"data": [{"b64": base64.b64encode(PANDA).decode()}]},
        {"data": ["data:image/webp;base64," + base64.b64encode(PANDA).decode()]},
        {"data": [base64.encodebytes(PANDA).decode()]},
        {"data": [base64.urlsafe_b64encode(PANDA).decode().rstrip("=")]},
        {"data": [base64.urlsafe_b64encode(PANDA).decode().rstrip("=")], "parameters": {"content_type": "base64"}},
        {"shape": [1, 1]},
        {"shape": [1, 1, 1], "data": [[[base64.b64encode(PANDA).decode()]]]},
    ],
)
def test_pictures_in_json_are_base64(http: TestClient, about: dict[str, Any]) -> None:
    response = http.post(INFER, json={"id": "an id", "inputs": [tensor(**about)]})
    assert response.status_code == 200, response.text
    assert response.json()["id"] == "an id"
    assert response.json()["outputs"][0]["data"] == api_scores(http, PANDA)[0]


@pytest.mark.parametrize("binary", [True, False])
def test_pictures_may_each_have_a_row(http: TestClient, binary: bool) -> None:
    """As MLServer's codecs send them, and clients of Triton's batching models."""
    rows = oip.strings("picture", [PANDA, DOG], (2, 1))
    assert infer(http, rows, binary=binary).outputs[0].data.tolist() == api_scores(http, PANDA, DOG)


@pytest.mark.parametrize("named", [{}, {"id": None}, {"id": ""}])
def test_what_may_be_absent_may_be_null(http: TestClient, named: dict[str, Any]) -> None:
    """As pydantic writes it."""
    sent = {**named, "parameters": None, "inputs": [tensor(parameters=None)], "outputs": None}
    response = http.post(INFER, json=sent)
    assert response.status_code == 200, response.text
    assert "id" not in response.json()


def test_json_may_begin_with_the_mark_of_utf_8(http: TestClient) -> None:
    body = json.dumps({"inputs": [tensor()]}, indent=1).encode()
    for before in (b"\xef\xbb\xbf", b"\n" * 2000, b"\xef\xbb\xbf  "):
        assert http.post(INFER, content=before + body).status_code == 200


def test_a_file_alone_is_the_shortest_request(http: TestClient) -> None:
    response = http.post(INFER, content=PANDA, headers={oip.HEADER_LENGTH: "0"})
    assert response.json()["outputs"][0]["data"] == api_scores(http, PANDA)[0]


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_and_values_go_to_the_model_as_they_are(http: TestClient, binary: bool) -> None:
    classifier = registry.models().get(MODEL)
    spec = classifier.package.manifest.input
    values = np.concatenate([normalise(part, spec) for part in PIXELS])
    expected = [classifier._backend.run(part[None]) for part in values]
    asked = ("scores", "features") if binary else ("scores",)
    for sent in (Tensor("pixels", PIXELS), Tensor("values", values)):
        found = infer(http, sent, *asked, binary=binary)
        np.testing.assert_array_equal(found.outputs[0].data, np.concatenate([each.scores for each in expected]))
        if binary:
            features = [each.features for each in expected if each.features is not None]
            np.testing.assert_array_equal(found.outputs[1].data, np.concatenate(features))


def test_the_best_classes_as_text(http: TestClient) -> None:
    asked = [RequestedOutput("probabilities", {"classification": 3})]
    request = InferRequest([oip.strings("picture", [PANDA, DOG])], asked, parameters={"lang": "zh"})
    (output,) = oip.decode_response(send(http, request).content).outputs
    assert output.shape == (2, 3)
    results = classify(http, PANDA, DOG, model=MODEL, top_k=3, lang="zh").json()["results"]
    expected = [(part["index"], part["label"]) for result in results for part in result["predictions"]]
    parts = [text.decode().split(":", 2) for text in output.elements]
    assert [(int(index), label) for _, index, label in parts] == expected
    scores = [part["score"] for result in results for part in result["predictions"]]
    assert [np.float32(score) for score, *_ in parts] == [np.float32(score) for score in scores]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_request(http: TestClient, coding: str) -> None:
    body = json.dumps({"inputs": [tensor()]}).encode()
    packed = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    assert http.post(INFER, content=packed, headers={"Content-Encoding": coding}).status_code == 200


@pytest.mark.parametrize(
    ("coding", "body", "status", "code"),
    [
        ("br", b"x", 415, "unknown_encoding"),
        ("gzip, gzip", gzip.compress(b"{}"), 415, "unknown_encoding"),
        ("gzip", b"{}", 400, "bad_compression"),
        ("gzip", gzip.compress(b"{}")[:-1], 400, "bad_compression"),
        ("gzip", gzip.compress(b"{}") + b"x", 400, "bad_compression"),
        ("deflate", b"", 400, "bad_compression"),
        ("gzip", gzip.compress(bytes(60_000_000)), 413, "request_too_large"),
    ],
    ids=["unknown", "twice", "not compressed", "truncated", "trailing byte", "empty", "too large"],
)
def test_a_compressed_request_that_is_refused(
    http: TestClient, coding: str, body: bytes, status: int, code: str
) -> None:
    refused(http.post(INFER, content=body, headers={"Content-Encoding": coding}), status, code)


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"name": "other"}, "no input 'other'. .* picture, pixels or values"),
        ({"name": "x" * 1000}, f"no input '{'x' * 59}\\.\\.\\.\\."),
        ({"datatype": "UINT8"}, "not all of the datatype"),
        ({"datatype": "UINT8", "data": [1]}, "must be of the datatype BYTES"),
        ({"shape": [1, 2], "data": ["a"] * 2}, "takes \\[-1\\]"),
        ({"parameters": {"shared_memory_region": "a", "shared_memory_byte_size": 9}, "data": None}, "shared memory"),
        ({"shape": []}, "has the shape \\[\\]"),
        ({"shape": [0], "data": []}, "1 to 100"),
        ({"shape": [101], "data": ["a"] * 101}, "more than 100 elements"),
        ({"shape": [-1]}, "whole numbers"),
        ({"shape": [1 << 63]}, "too many elements"),
        ({"data": ["not base64!"]}, "in JSON as base64"),
        ({"data": [base64.b64encode(PANDA[:100]).decode() * 2]}, "in JSON as base64"),
        ({"data": ["https://example.org/cat.jpg"]}, "in JSON as base64"),
        ({"data": ["<svg></svg>"]}, "in JSON as base64"),
        ({"name": "pixels", "datatype": "UINT8", "shape": [1, 2, 2, 3], "data": [0] * 12}, "224, 224, 3"),
        ({"name": "pixels", "datatype": "FP32", "shape": [1, 2, 2, 3], "data": [0] * 12}, "datatype UINT8"),
        ({"name": "values", "datatype": "FP64", "shape": [1, 2, 2, 3], "data": [0] * 12}, "datatype FP32"),
        ({"name": "pixels", "datatype": "BF16", "data": [0]}, "BF16"),
    ],
)
def test_tensors_that_do_not_fit_the_model(http: TestClient, about: dict[str, Any], why: str) -> None:
    detail = refused(http.post(INFER, json={"inputs": [tensor(**about)]}), 400, "bad_message")
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(detail)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(http: TestClient, bad: float) -> None:
    values = np.zeros((2, SIDE, SIDE, 3), np.float32)
    values[1, 5, 5, 1] = bad
    response = send(http, InferRequest([Tensor("values", values)]))
    assert "NaN or infinity" in refused(response, 400, "bad_message")


@pytest.mark.parametrize(
    ("output", "parameters", "status", "code"),
    [
        ({"name": "other"}, {}, 400, "bad_message"),
        ({"name": "scores", "parameters": {"classification": -1}}, {}, 400, "bad_message"),
        ({"name": "scores", "parameters": {"classification": True}}, {}, 400, "bad_message"),
        ({"name": "scores", "parameters": {"classification": "3"}}, {}, 400, "bad_message"),
        ({"name": "features", "parameters": {"classification": 3}}, {}, 400, "bad_message"),
        ({"name": "scores", "parameters": {"shared_memory_region": "a"}}, {}, 400, "bad_message"),
        ({"name": "scores"}, {"lang": 1}, 400, "bad_message"),
        ({"name": "scores"}, {"lang": "xx"}, 422, "unknown_language"),
    ],
)
def test_outputs_that_there_are_not(
    http: TestClient, output: dict[str, Any], parameters: dict[str, Any], status: int, code: str
) -> None:
    sent = {"inputs": [tensor()], "outputs": [output], "parameters": parameters}
    refused(http.post(INFER, json=sent), status, code)


def test_more_classes_than_there_are(http: TestClient) -> None:
    sent = {"inputs": [tensor()], "outputs": [{"name": "scores", "parameters": {"classification": 10**12}}]}
    assert http.post(INFER, json=sent).json()["outputs"][0]["shape"] == [1, 1000]


@pytest.mark.parametrize("length", ["-1", "x", "", "1" * 5000, "1.0", "99999", "+2"])
def test_a_length_of_the_json_that_cannot_be(http: TestClient, length: str) -> None:
    response = http.post(INFER, content=b"{}", headers={oip.HEADER_LENGTH: length})
    assert oip.HEADER_LENGTH in refused(response, 400, "bad_message")


@pytest.mark.parametrize("shift", [-1, 1, None])
def test_a_length_of_the_json_that_is_not_its_own(http: TestClient, shift: int | None) -> None:
    body, length = oip.encode_request(InferRequest([oip.strings("picture", [PANDA])]), binary=True)
    assert length
    headers = {} if shift is None else {oip.HEADER_LENGTH: str(length + shift)}
    detail = refused(http.post(INFER, content=body, headers=headers), 400, "bad_message")
    assert f"{oip.HEADER_LENGTH} " in detail
    assert shift is None or f"first {length + shift} of {len(body)} bytes" in detail


@pytest.mark.parametrize("inputs", [[], [tensor(), tensor(name="pixels")]])
def test_more_than_one_input_or_none(http: TestClient, inputs: list[Any]) -> None:
    detail = refused(http.post(INFER, json={"inputs": inputs}), 400, "bad_message")
    assert detail == f"The request has {len(inputs)} inputs. Send one of the model's: picture, pixels or values."


@pytest.mark.parametrize("body", [PANDA, b"--x\r\nContent-Disposition: form-data", b"inputs=1", b"", b"[]", b'"a"'])
def test_bodies_that_are_not_json_are_told_how_to_send_a_file(http: TestClient, body: bytes) -> None:
    assert f"{oip.HEADER_LENGTH}: 0" in refused(http.post(INFER, content=body), 400, "bad_message")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"\xff", b"[" * 1_000_000, b'{"inputs":[' + b"{}," * 3_000_000])
def test_bodies_that_are_no_request(http: TestClient, body: bytes) -> None:
    refused(http.post(INFER, content=body), 400, "bad_message")


def test_one_bad_picture_of_several_is_named(http: TestClient) -> None:
    response = send(http, InferRequest([oip.strings("picture", [PANDA, b"\xff\xd8\xff\xe0" + bytes(40), PANDA])]))
    assert refused(response, 400, "broken_image").startswith("Picture 2 of 3: This JPEG file is damaged")


def test_how_a_file_was_read_stands_beside_the_outputs(http: TestClient) -> None:
    cut = encode(Image.open(photo("koala.webp")).convert("RGB"), "JPEG")[:-2]
    blank = encode(Image.new("RGB", (300, 300), "white"), "PNG")
    one = infer(http, oip.strings("picture", [cut]))
    assert list(one.parameters) == ["notes"]
    assert one.parameters["notes"].startswith("The file is cut off near its end: ")
    assert infer(http, oip.strings("picture", [KOALA])).parameters == {}
    assert infer(http, Tensor("pixels", PIXELS)).parameters == {}
    several = infer(http, oip.strings("picture", [blank, cut, KOALA, cut, blank])).parameters
    assert [line[:37] for line in several["notes"].split("\n")] == [
        "Picture 2 of 5: The file is cut off n",
        "Picture 4 of 5: The file is cut off n",
    ]
    assert several["unstructured"] == "1,5"


def test_files_over_the_limit(http: TestClient) -> None:
    limit = registry.models().plan.max_bytes
    large = bytes([255]) * (limit + 1)
    refused(send(http, InferRequest([oip.strings("picture", [large])])), 413, "too_many_bytes")
    halves = [large[: limit // 2 + 1]] * 2
    refused(send(http, InferRequest([oip.strings("picture", halves)])), 413, "request_too_large")
    refused(http.post(INFER, content=large * 2), 413, "request_too_large")


def test_an_answer_that_would_be_too_large(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.oip.inference.max_bytes", lambda: 600_000)
    features = InferRequest(
        [Tensor("pixels", PIXELS[:1])], [RequestedOutput("features")], parameters={"binary_data_output": True}
    )
    assert send(http, features).status_code == 200
    features = InferRequest([Tensor("pixels", np.concatenate([PIXELS] * 2))], [RequestedOutput("features")])
    assert "over 0.6 MB" in refused(send(http, features), 400, "bad_message")


def test_a_full_queue_and_a_model_that_is_loading(http: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise BusyError

    with monkeypatch.context() as patch:
        patch.setattr(registry.models().queue, "ask", full)
        response = send(http, InferRequest([oip.strings("picture", [PANDA])]))
        refused(response, 503, "busy")
        assert response.headers["retry-after"] == "1"
    monkeypatch.setattr(registry.models(), "state", "starting")
    for path in ("/v2/health/ready", f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/ready"):
        refused(http.get(path), 503, "not_ready")
    refused(http.post(INFER, content=PANDA), 503, "not_ready")
    assert http.get("/v2/health/live").status_code == 200


def test_paths_that_there_are_not(http: TestClient) -> None:
    refused(http.get("/v2/models/none"), 404, "unknown_model")
    refused(http.post("/v2/models/none/infer", content=PANDA), 404, "unknown_model")
    refused(http.get(f"/v2/models/{MODEL}/versions/2/ready"), 404, "unknown_version")
    refused(http.post(f"/v2/models/{MODEL}/versions/2/infer", content=PANDA), 404, "unknown_version")
    for path in (f"/v2/models/{MODEL}/config", "/v2/models/stats", "/v2/models", "/v2/systemsharedmemory/status"):
        assert "/v2/repository/index" in refused(http.get(path), 404, "not_found")
    for path in ("/v2/health/live/", f"/v2/models/{MODEL}/", f"{INFER}/"):  # and no redirection, as in the API
        refused(http.get(path, follow_redirects=False), 404, "not_found")
    refused(http.get(INFER), 405, "method_not_allowed")
    head = http.head(f"/v2/models/{MODEL}/config")
    assert (head.status_code, head.content) == (404, b"")


def test_requests_and_pictures_are_counted(http: TestClient) -> None:
    def count(line: str) -> float:
        found = [text for text in http.get("/metrics").text.splitlines() if text.startswith(line)]
        return float(found[0].rpartition(" ")[2]) if found else 0

    requests = 'classifier_requests_total{method="POST",path="/v2/models/{model}/infer",status="200"}'
    pictures = f'classifier_pictures_total{{client="api",model="{MODEL}",outcome="ok"}}'
    before = count(requests), count(pictures)
    infer(http, oip.strings("picture", [PANDA, DOG]))
    assert (count(requests), count(pictures)) == (before[0] + 1, before[1] + 2)
    assert registry.models().queue.busy == registry.models().queue.waiting == 0


def test_a_model_that_can_tell_says_how_familiar_a_picture_is(http: TestClient) -> None:
    request = InferRequest([oip.strings("picture", [KOALA])], [RequestedOutput("familiar")])
    response = send(http, request, path="/v2/models/cifar10/infer")
    assert response.status_code == 200, response.text
    (output,) = response.json()["outputs"]
    assert (output["shape"], output["datatype"]) == ([1, 1], "FP32")
    (result,) = classify(http, KOALA, model="cifar10").json()["results"]
    assert output["data"] == pytest.approx([result["familiar"]], abs=1e-6)
    assert result["familiar"] < 0.5
    assert result["sure"] is False
    assert "has no output 'familiar'" in refused(send(http, request), 400, "bad_message")
