"""Every answer carries the security headers, and scripts run by hash only."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import httpx2 as httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from web.app import middleware, routes
from web.server.headers import content_policy


class InlineScripts(HTMLParser):
    """The inline scripts of a page, by a parser instead of an expression; and its event attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.handlers: list[str] = []
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # Whoever gives a script another type has a block of data, which browsers do not run.
        self.inside = tag == "script" and "src" not in dict(attrs) and dict(attrs).get("type") in (None, "module")
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)


def directives(policy: str) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in policy.split(";"))}


def digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def check(headers: httpx.Headers) -> None:
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=(self)" in headers["permissions-policy"]
    assert "microphone=()" in headers["permissions-policy"]
    assert "x-frame-options" not in headers  # it would keep a Space out of its frame
    policy = directives(*headers.get_list("content-security-policy"))
    scripts = policy["script-src"]
    assert scripts[0] == "'self'"
    assert all(source.startswith("'sha256-") for source in scripts[1:])
    assert (policy["object-src"], policy["base-uri"]) == (["'none'"], ["'self'"])
    assert policy["frame-ancestors"] == ["'self'", "https://huggingface.co", "https://*.hf.space"]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    async def fail(_: Request) -> Response:
        raise RuntimeError("secret")

    async def own(_: Request) -> Response:
        return PlainTextResponse("", headers={"Content-Security-Policy": "default-src 'none'"})

    more = [Route("/fail", fail), Route("/own", own)]
    app = Starlette(routes=[*routes, *more], middleware=middleware)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/v1/models", "/api/v1/nothing", "/healthz", "/metrics"])
def test_our_own_answers_carry_the_headers(client: TestClient, path: str) -> None:
    check(client.get(path).headers)


@pytest.mark.parametrize("path", ["/", "/?lang=zh", "/api/docs"])
def test_just_the_inline_scripts_that_are_served_may_run(client: TestClient, path: str) -> None:
    response = client.get(path)
    page = InlineScripts(response.text)
    assert page.scripts
    assert not page.handlers
    policy = directives(response.headers["content-security-policy"])
    assert set(policy["script-src"]) == {"'self'", *map(digest, page.scripts)}


def test_a_script_is_hashed_as_it_stands() -> None:
    html = '<script>\n one </script><script src="a.js"></script><SCRIPT type="module">two</SCRIPT>'
    assert set(directives(content_policy(html))["script-src"]) == {"'self'", digest("\n one "), digest("two")}
    assert directives(content_policy(""))["script-src"] == ["'self'"]


def test_an_answer_keeps_the_policy_it_brings(client: TestClient) -> None:
    assert client.get("/own").headers.get_list("content-security-policy") == ["default-src 'none'"]


def test_an_error_that_nobody_answered_carries_them_too_and_tells_nothing(client: TestClient) -> None:
    response = client.get("/fail")
    check(response.headers)
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    assert "secret" not in response.text


@pytest.mark.slow
def test_streamlits_own_answers_carry_the_headers(plain_server: str) -> None:
    with httpx.Client(base_url=plain_server, headers={"Accept-Encoding": "gzip"}) as http:
        page = http.get("/")
        (script,) = re.findall(r'<script type="module"[^>]* src="\./([^"]+)"', page.text)
        for path, status in {
            f"/{script}": 200,
            "/app-static/page.js": 200,
            "/_stcore/health": 200,
            "/_stcore/host-config": 200,
            "/media/nothing": 404,
            "//double": 400,
            "/..%5cup": 400,
        }.items():
            response = http.get(plain_server + path)
            assert response.status_code == status, path
            check(response.headers)
        check(http.put("/_stcore/upload_file/nobody/nothing", content=b"").headers)


@pytest.mark.slow
def test_any_other_path_is_the_page_under_the_same_policy(plain_server: str) -> None:
    with httpx.Client(base_url=plain_server) as http:
        response = http.get("/some/where")
        assert response.status_code == 200
        check(response.headers)
        allowed = directives(response.headers["content-security-policy"])["script-src"]
        assert set(map(digest, InlineScripts(response.text).scripts)) <= set(allowed)
