"""Other sites' pages and the API, in the words of HTTP; tests/e2e/test_other_sites.py has a browser say them."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.testclient import TestClient

from tests.support.api import PANDA
from web.app import routes
from web.models import models
from web.origins import _named
from web.server.cors import ApiCors
from web.server.headers import SecurityHeaders

SITE = "https://www.example.org"


def asked(*origins: str) -> TestClient:
    middleware = [Middleware(SecurityHeaders, policy=""), Middleware(ApiCors, origins=origins)]
    return TestClient(Starlette(routes=routes, middleware=middleware), raise_server_exceptions=False)


def preflight(http: TestClient, origin: str = SITE, path: str = "/api/v1/classify", **more: str) -> dict[str, str]:
    names = {"method": "POST", "headers": "authorization,content-type", **more}
    headers = {f"Access-Control-Request-{name.title()}": value for name, value in names.items()}
    response = http.options(path, headers={"Origin": origin, **headers})
    return {"status": str(response.status_code), **response.headers}


def test_a_preflight_request_is_answered() -> None:
    got = preflight(asked(SITE, "https://other.example"))
    assert (got["status"], got["access-control-allow-origin"]) == ("200", SITE)
    assert got["access-control-allow-methods"] == "GET, POST"
    assert {"Authorization", "Content-Type"} <= set(got["access-control-allow-headers"].split(", "))
    assert int(got["access-control-max-age"]) > 0
    assert "Origin" in got["vary"]
    assert got["x-content-type-options"] == "nosniff"
    assert "access-control-allow-credentials" not in got
    assert preflight(asked("*"))["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "more"),
    [
        ("https://www.example.org.evil.example", {}),
        ("http://www.example.org", {}),
        ("https://www.example.org:8443", {}),
        ("null", {}),
        (SITE, {"method": "DELETE"}),
        (SITE, {"headers": "x-other"}),
    ],
)
def test_a_preflight_request_for_anything_else_is_refused(origin: str, more: dict[str, str]) -> None:
    got = preflight(asked(SITE), origin, **more)
    assert got["status"] == "400"
    assert origin == SITE or "access-control-allow-origin" not in got


@pytest.mark.parametrize("named", [SITE, "*"])
def test_answers_and_errors_can_be_read(named: str) -> None:
    models().start()
    http = asked(named)
    for response, status in (
        (http.get("/api/v1/models", headers={"Origin": SITE}), 200),
        (http.post("/api/v1/classify", content=b"no picture", headers={"Origin": SITE}), 415),
        (http.post("/api/v1/classify", content=PANDA, headers={"Origin": SITE, "Content-Length": "9" * 9}), 413),
        (http.get("/api/v1/nothing", headers={"Origin": SITE}), 404),
    ):
        assert response.status_code == status
        assert response.headers["access-control-allow-origin"] == (SITE if named == SITE else "*")
        assert "Retry-After" in response.headers["access-control-expose-headers"]
        assert "Origin" in response.headers["vary"]
        assert "access-control-allow-credentials" not in response.headers


def test_only_the_api_and_only_the_named_site() -> None:
    http = asked(SITE)
    for path, origin in (
        ("/", SITE),
        ("/healthz", SITE),
        ("/metrics", SITE),
        ("/app-static/page.js", SITE),
        ("/api/v1/models", "https://other.example"),
        ("/api/v1/models", SITE.upper()),
    ):
        assert "access-control-allow-origin" not in http.get(path, headers={"Origin": origin}).headers, path
    assert "Origin" in http.get("/api/v1/models").headers["vary"]


def test_the_variables_are_read_as_the_settings_read_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITES", "https://A.example:443, https://*.b.example")
    assert _named("SITES", subdomains=True) == ("https://a.example", "https://*.b.example")
    assert _named("SITES") == ()  # wrong: nobody
    monkeypatch.setenv("SITES", "")
    assert _named("SITES") == ()
