"""What the page's scripts ask the server, without a browser."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from httpx2 import Response
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from tests.support.photos import photo
from web.models import models
from web.page.routes import make_page

CAT = photo("chelsea.png").read_bytes()
CATS = {"tabby cat", "tiger cat", "Egyptian Mau"}
OWN = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a request by the page's own script."""


@cache
def client() -> TestClient:
    """Asks in this process, with the default model loaded."""
    models().start()
    return TestClient(Starlette(routes=[Mount("/page", make_page())]), raise_server_exceptions=False)


def classify(data: bytes = b"", query: Mapping[str, str] = {}, headers: Mapping[str, str] = OWN) -> Response:
    """Sends a picture, or asks for a sample, as the page does."""
    return client().post("/page/classify", params=dict(query), content=data or None, headers=dict(headers))


def answer(data: bytes = b"", **query: str) -> dict[str, Any]:
    """The same for what is answered."""
    got = classify(data, query)
    assert got.status_code == 200, got.text
    found: dict[str, Any] = got.json()
    return found


def labels(found: dict[str, Any], lang: str = "en") -> list[str]:
    """The labels of an answer in a language, best first."""
    named: list[str] = found["words"][lang]["labels"]
    return named
