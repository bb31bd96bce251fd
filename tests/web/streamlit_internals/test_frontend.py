"""Streamlit's files: as Streamlit would send them, and all that the first bars need is named in the page's frame."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.web.server.starlette.starlette_static_routes import create_streamlit_static_handler

from web.app import middleware
from web.streamlit_internals.frontend import ROOT, scripts

SAMPLES = [
    next(file for file in sorted((ROOT / "static").rglob(f"*{kind}"))).relative_to(ROOT).as_posix()
    for kind in (".js", ".css", ".woff2")
]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    async def streamlits(_: Request) -> Response:
        return PlainTextResponse("Streamlit's")

    methods = ["GET", "HEAD", "POST"]
    app = Starlette(routes=[Route("/{path:path}", streamlits, methods=methods)], middleware=middleware)
    with TestClient(app) as client:
        yield client


@pytest.mark.parametrize("path", SAMPLES)
def test_a_file_is_sent_as_streamlit_would(client: TestClient, path: str) -> None:
    ours = client.get(f"/{path}")
    theirs = TestClient(create_streamlit_static_handler(str(ROOT), None)).get(f"/{path}")

    def kind(response: httpx.Response) -> str:
        # Two names of one type: RFC 9239.
        return response.headers["content-type"].replace("application/javascript", "text/javascript")

    assert ours.status_code == 200
    assert ours.content == theirs.content
    assert kind(ours).partition(";")[0] == kind(theirs).partition(";")[0]
    assert ours.headers["cache-control"] == theirs.headers["cache-control"]


@pytest.mark.parametrize(
    "path",
    [
        "/static/js/nothing.js",
        "/static/js/../../index.html",
        "/static/js/..%2f..%2findex.html",
        "/static/js/",
        "/static/js",
        "/static/js/%00.js",
        "/index.html",
        "/base/static/js/x.js",
    ],
)
def test_whatever_else_is_asked_for_is_streamlits_to_answer(client: TestClient, path: str) -> None:
    assert client.get(path).text == "Streamlit's"


def test_other_methods_are_streamlits_to_answer(client: TestClient) -> None:
    assert client.post(f"/{SAMPLES[0]}").text == "Streamlit's"


def test_a_part_is_named_with_all_that_it_imports_and_nothing_twice() -> None:
    names = scripts(["FileUploader", "Slider", "NoSuchPart"], "")
    assert len(names) == len(set(names))
    assert {name.partition(".")[0] for name in names} >= {"FileUploader", "Slider", "react-dom", "zip", "moment"}
    known = " ".join(names[1:])
    assert scripts(["FileUploader"], known) == names[:1]
