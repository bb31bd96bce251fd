"""What the protocol says of its paths and messages holds here, whatever is sent.

open_inference_rest.yaml is the protocol's own, as published by https://github.com/kserve/open-inference-protocol
(Apache-2.0). `tests.web.oip.protocol` says the same and what we promise more: of every path and every failure.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from jsonschema import Draft4Validator
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.api import PANDA
from tests.web.oip.protocol import document
from web import models as registry
from web.app import middleware, routes

_document = Route("/protocol.json", lambda _: JSONResponse(document()))
app = Starlette(routes=[_document, *routes], middleware=middleware)
schema = schemathesis.openapi.from_asgi("/protocol.json", app)
PUBLISHED = yaml.safe_load(Path(__file__).with_name("open_inference_rest.yaml").read_text("utf-8"))
PICTURE = {"name": "picture", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(PANDA).decode()]}


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    registry.models().start()
    registry.models().get("cifar10")


@pytest.mark.slow
@schema.parametrize()
@settings(max_examples=10, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_protocol_says(case: schemathesis.Case[Any]) -> None:
    # No schema can say which tensors a model takes.
    case.call_and_validate(excluded_checks=[positive_data_acceptance], timeout=60)


@pytest.mark.parametrize("version", ["", "/versions/1"])
@pytest.mark.parametrize("outputs", [[], ["probabilities", "scores"]])
def test_every_answer_to_a_picture_is_as_the_protocol_says(version: str, outputs: list[str]) -> None:
    """Which generated requests never are."""
    sent = {"inputs": [PICTURE], "outputs": [{"name": name} for name in outputs]}
    response = TestClient(app).post(f"/v2/models/cifar10{version}/infer", json=sent)
    operation = schema[f"/v2/models/{{model}}{version.replace('1', '{version}')}/infer"]["post"]
    operation.validate_response(response)
    assert response.status_code == 200
    assert [part["name"] for part in response.json()["outputs"]] == (outputs or ["probabilities"])


@pytest.mark.parametrize("path", PUBLISHED["paths"])
def test_every_published_path_answers_as_the_published_schema_says(path: str) -> None:
    client = TestClient(app)
    address = path.replace("${MODEL_NAME}", "cifar10").replace("${MODEL_VERSION}", "1")
    (method,) = {"get", "post"} & set(PUBLISHED["paths"][path])
    good, wrong = {"inputs": [PICTURE]}, {"inputs": [{**PICTURE, "shape": [2]}]}
    for sent, status in ((good, "200"), (wrong, "400")) if method == "post" else ((None, "200"),):
        response = client.request(method.upper(), address, json=sent)
        assert str(response.status_code) == status, response.text
        for content in PUBLISHED["paths"][path][method]["responses"][status].get("content", {}).values():
            validator = Draft4Validator({**content["schema"], "components": PUBLISHED["components"]})
            assert list(validator.iter_errors(response.json())) == []
            assert list(validator.iter_errors([])), "a schema that takes anything would hold nothing"
        assert status == "200" or isinstance(response.json()["error"], str)  # which the schema does not require


@pytest.mark.parametrize("path", ["/v2/models/%0Amine/infer", "/v2/%0Amine", "/api/v1/%0Amodels", "/api/%0D%0A"])
def test_a_path_with_a_line_break_is_answered_as_any_other(path: str) -> None:
    response = TestClient(app).post(path, content=b"{}")
    assert response.status_code == 404
    assert response.headers["content-type"] in ("application/json", "application/problem+json")
