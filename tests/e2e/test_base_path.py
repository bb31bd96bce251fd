"""Under a path of its own, as behind a proxy that serves several applications, everything is as it is at the root."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.test_docs import test_the_docs_page_works_without_any_other_host  # noqa: F401  (here on this server)
from tests.e2e.test_policy import test_the_page_works_under_its_policy, visitor  # noqa: F401
from tests.support.photos import photo
from tests.support.server import started

PANDA = photo("panda.webp").read_bytes()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address with the path, of a server started here or of that which `--server` names."""
    if address := request.config.getoption("--server"):
        yield address
        return
    log = tmp_path_factory.mktemp("base") / "log.txt"
    with started(log, {"CLASSIFIER_BASE_PATH": "demo"}, launcher=True) as (_, address):
        yield address


@pytest.fixture
def http(server: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server, timeout=30) as client:
        yield client


def test_the_path_leads_to_the_page_with_or_without_its_slash(server: str, http: httpx.Client) -> None:
    assert urlsplit(server).path == "/demo"
    moved = http.get(f"{server}?k=3")
    # Without scheme and host, which are the proxy's to know.
    assert (moved.status_code, moved.headers["location"]) == (307, "/demo/?k=3")
    page = http.get("/")
    assert page.status_code == 200
    assert "<title>Image Classifier</title>" in page.text


def test_every_file_that_the_frame_names_is_there_and_read_in_one_go(http: httpx.Client) -> None:
    files = re.findall(r'(?:src|href)="(?:\./)?((?:app-static|static)/[^"]+)"', http.get("/").text)
    assert len(files) > 10
    for file in files:
        answer = http.get(f"/{file}")
        assert answer.status_code == 200, file
        assert not answer.headers["content-type"].startswith("text/html"), file
        # Streamlit's own way has one, and so have our small fonts, whose addresses are Streamlit's.
        ours = not file.startswith("static/") or file.endswith(".woff2")
        assert "etag" not in answer.headers or ours, file


def test_api_health_and_metrics_are_there(http: httpx.Client) -> None:
    assert http.get("/healthz").json() == {"status": "alive"}
    assert http.get("/readyz").json()["status"] == "ready"
    answer = http.post("/api/v1/classify", content=PANDA)
    assert answer.json()["results"][0]["predictions"][0]["label"] == "giant panda"
    assert http.get("/api/openapi.json").json()["servers"] == [{"url": "/demo/api"}]
    assert "classifier_ready 1.0" in http.get("/metrics").text
    for path in ("/api", "/api/nothing"):
        assert http.get(path).status_code == 404
    assert "/demo/api/docs" in http.get("/api").json()["detail"]


def test_what_is_closed_is_closed_and_every_answer_has_its_policy(http: httpx.Client) -> None:
    closed = http.get("/_stcore/metrics")
    assert (closed.status_code, closed.headers["content-type"]) == (404, "application/problem+json")
    for path in ("/", "/some/where", "/healthz", "/api/docs", "/_stcore/health", "/app-static/page.js"):
        assert "frame-ancestors" in http.get(path).headers["content-security-policy"], path


def test_there_is_nothing_beside_the_path(server: str, http: httpx.Client) -> None:
    root = server.removesuffix("/demo")
    for path in ("/", "/healthz", "/api/v1/info", "/_stcore/health", "/demonstration/"):
        assert http.get(root + path).status_code == 404, path


def test_a_link_into_the_page_opens_with_its_choices(visit: Page, server: str) -> None:
    visit.goto(f"{server}?k=3")
    visit.get_by_role("button", name="Cup of coffee").click()
    expect(visit.locator(".bar")).to_have_count(3)
    expect(visit).to_have_url(re.compile(r"/demo/\?(?=.*k=3)"))
