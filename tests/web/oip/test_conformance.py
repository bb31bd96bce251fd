"""What the protocol says of its paths and messages holds here, whatever is sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
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
    data = base64.b64encode(PANDA).decode()
    sent: dict[str, Any] = {"inputs": [{"name": "picture", "shape": [1], "datatype": "BYTES", "data": [data]}]}
    sent["outputs"] = [{"name": name} for name in outputs]
    response = TestClient(app).post(f"/v2/models/cifar10{version}/infer", json=sent)
    operation = schema[f"/v2/models/{{model}}{version.replace('1', '{version}')}/infer"]["post"]
    operation.validate_response(response)
    assert response.status_code == 200
    assert [part["name"] for part in response.json()["outputs"]] == (outputs or ["probabilities"])
