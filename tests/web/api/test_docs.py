"""The API's documentation: it describes what is answered, and needs no other host."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from web.api.parameters import Parameters


def test_the_schema_describes_the_answers(client: TestClient) -> None:
    schema = client.get("/api/openapi.json").json()
    assert schema["servers"] == [{"url": "/api"}]
    operation = schema["paths"]["/v1/classify"]["post"]
    assert set(operation["requestBody"]["content"]) >= {"multipart/form-data", "image/*"}
    for status in ("400", "404", "413", "415", "422", "503"):
        assert "application/problem+json" in operation["responses"][status]["content"]
    assert set(schema["paths"]) == {"/v1/classify", "/v1/models", "/v1/info"}


def test_the_schema_has_the_parameters_in_query_form_and_json(client: TestClient) -> None:
    operation = client.get("/api/openapi.json").json()["paths"]["/v1/classify"]["post"]
    known = set(Parameters.model_fields)
    assert known >= {"top_k", "model", "lang"}
    assert {one["name"] for one in operation["parameters"]} == known
    content = operation["requestBody"]["content"]
    assert set(content["multipart/form-data"]["schema"]["properties"]) == {"file", *known}
    assert set(content["application/json"]["schema"]["properties"]) == {"image", *known}


@pytest.mark.parametrize("example", ["one", "several"])
def test_the_schemas_examples_can_be_sent(client: TestClient, example: str) -> None:
    schema = client.get("/api/openapi.json").json()
    content = schema["paths"]["/v1/classify"]["post"]["requestBody"]["content"]
    value = content["application/json"]["examples"][example]["value"]
    answer = client.post("/api/v1/classify", json=value).json()
    images = value["image"] if isinstance(value["image"], list) else [value["image"]]
    assert [(one["width"], one["format"]) for one in answer["results"]] == [(64, "PNG")] * len(images)


def test_the_docs_page_names_no_other_host(client: TestClient) -> None:
    page = client.get("/api/docs").text
    assert "http://" not in page
    assert "https://" not in page
    assert client.get("/api/static-offline-docs/swagger-ui-bundle.js").status_code == 200
