"""The JSON API as its tests ask it, without a server."""

from __future__ import annotations

from typing import Any

from starlette.testclient import TestClient

from tests.support.photos import photo

PANDA = photo("panda.webp").read_bytes()
DOG = photo("dog.webp").read_bytes()


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
