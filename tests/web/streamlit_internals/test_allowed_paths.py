"""What Streamlit offers beside its page, and the page does not need, answers nobody."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from web.app import middleware


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    async def everything(_: Request) -> Response:
        return PlainTextResponse("open")

    methods = ["GET", "POST", "PUT", "OPTIONS"]
    app = Starlette(routes=[Route("/{path:path}", everything, methods=methods)], middleware=middleware)
    with TestClient(app) as client:
        yield client


CLOSED = [
    "/_stcore/metrics",
    "/_stcore/metrics/",
    "/_stcore/metrics%0A",
    "/%5fstcore/metrics",
    "/_stcore/agent/openapi.json",
    "/_stcore/agent/interact",
    "/_stcore/agent/mcp",
    "/_stcore/script-health-check",
    "/_stcore/upload_file/a/b",
    "/_stcore//metrics",
    "/_stcore/",
    "/base/_stcore/metrics",
]


@pytest.mark.parametrize("path", CLOSED)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "OPTIONS"])
def test_what_the_page_does_not_need_is_closed(client: TestClient, path: str, method: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


OPEN = ["/_stcore/health", "/_stcore/host-config", "/static/js/metrics.js", "/"]


@pytest.mark.parametrize("path", OPEN)
def test_what_the_page_needs_is_open(client: TestClient, path: str) -> None:
    assert client.get(path).text == "open"


@pytest.mark.slow
def test_the_real_server_closes_it(plain_server: str) -> None:
    with httpx.Client() as http:
        for path in CLOSED:
            response = http.get(plain_server + path)
            assert response.status_code == 404, path
            assert response.headers["x-content-type-options"] == "nosniff"
