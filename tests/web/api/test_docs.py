"""The API's documentation: it describes what is answered, and needs no other host."""

from __future__ import annotations

from starlette.testclient import TestClient


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
