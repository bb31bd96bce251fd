"""Forms with pictures: missing, broken, too many, or cut off by their sender."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient
from starlette.types import Message

from tests.support.api import PANDA, classify, problem


def test_a_missing_picture(client: TestClient) -> None:
    problem(client.post("/api/v1/classify"), 422, "no_picture")
    problem(client.post("/api/v1/classify", data={"file": "text"}), 415, "wrong_body")
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
