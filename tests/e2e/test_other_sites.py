"""What the pages of other sites may do here: nothing, unless a setting names them."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserType, Page, expect

from tests.support.frames import drawn, framing, framing_site
from tests.support.photos import photo
from tests.support.server import running, started
from tests.support.steps import best, photograph, upload
from tests.support.tls import Front, certificate
from tests.support.waiting import until
from tests.support.wire import connected, head, metric

BISON = photo("bison.webp")
SITE, DEMO = "www.example.org", "demo.example.net"
KEY = "c0ffee" * 6
COOKIES = pytest.mark.parametrize("cookies", ["allowed", "blocked"])

ASK = """async ([url, picture, key, name]) => {
    const bytes = Uint8Array.from(atob(picture), (character) => character.charCodeAt(0));
    const body = new FormData();
    body.append("file", new Blob([bytes]), "picture.webp");
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    try {
        const answer = await fetch(url, { method: "POST", body, headers });
        return [answer.status, await answer.json(), answer.headers.get(name)];
    } catch (error) {
        return [0, String(error), null];
    }
}"""
"""Sends a picture from within a page: status, answer and one header; status 0 where it may read nothing."""


def ask(page: Page, server: str, picture: bytes, key: str = "", header: str = "") -> tuple[int, Any, str | None]:
    arguments = [f"{server}/api/v1/classify?top_k=1", base64.b64encode(picture).decode(), key, header or "x"]
    status, answer, value = page.evaluate(ASK, arguments)
    return status, answer, value


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Another site: another name of this machine, and another port."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<!doctype html><title>Another site</title>")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def opened_to(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[str]:
    """A server that lets the site's pages call its API with a key."""
    folder = tmp_path_factory.mktemp("opened")
    (folder / "keys").write_text(f"site {KEY}\n")
    settings = {
        "CLASSIFIER_CORS_ORIGINS": f"https://www.example.org,{site}",
        "CLASSIFIER_API_KEYS_FILE": str(folder / "keys"),
        "CLASSIFIER_UPLOADS": "20000000",
    }
    with running(folder / "log.txt", settings) as address:
        yield address


def test_a_page_of_another_site_gets_labels_and_can_read_why_it_was_refused(
    blank: Page, site: str, opened_to: str
) -> None:
    blank.goto(site)
    status, answer, _ = ask(blank, opened_to, BISON.read_bytes(), KEY)
    assert (status, answer["results"][0]["predictions"][0]["label"]) == (200, "bison")
    status, answer, challenge = ask(blank, opened_to, BISON.read_bytes(), header="www-authenticate")
    assert (status, answer["code"], challenge) == (401, "unauthorized", 'Bearer realm="image-classifier"')
    # Three that are refused in three places: by the limit of a body, for want of room, and by the decoder.
    status, answer, _ = ask(blank, opened_to, bytes(21_000_000), KEY)
    assert (status, answer["code"]) == (413, "request_too_large")
    with connected(opened_to) as other:
        other.sendall(head(Content_Length="19500000", Authorization=f"Bearer {KEY}") + bytes(19_000_000))
        until(lambda: metric(opened_to, "classifier_budget_used_bytes") >= 19_000_000)
        status, answer, wait = ask(blank, opened_to, bytes(2_000_000), KEY, "retry-after")
        assert (status, answer["code"], wait) == (503, "too_much_sent", "5")
    assert ask(blank, opened_to, b"no picture", KEY)[:1] == (415,)


def test_no_other_page_can_read_anything(blank: Page, site: str, server: str, opened_to: str) -> None:
    blank.goto(site)
    assert ask(blank, server, BISON.read_bytes())[0] == 0
    # Nor the page, its health and its files, where the API is open.
    for path in ("/", "/healthz", "/metrics", "/app-static/page.js", "/_stcore/host-config"):
        script = "(url) => fetch(url).then(() => 'read', () => 'refused')"
        assert blank.evaluate(script, opened_to + path) == "refused", path
    # Nor ask what is for the page's own scripts alone.
    script = """(url) => fetch(url, { method: "POST", mode: "no-cors" }).then((answer) => answer.type)"""
    with blank.expect_response("**/page/classify**") as refused:
        blank.evaluate(script, f"{opened_to}/page/classify?sample=koala")
    assert refused.value.status == 403
    blank.goto(site.replace("localhost", "127.0.0.1"))  # the same machine under another name is another site
    assert ask(blank, opened_to, BISON.read_bytes(), KEY)[0] == 0


def test_the_docs_send_the_key_that_was_given_to_authorize(blank: Page, opened_to: str) -> None:
    blank.goto(f"{opened_to}/api/docs")
    operation = blank.locator("#operations-default-info")
    operation.locator(".opblock-summary").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table .response-col_status").last).to_contain_text("401")
    blank.locator(".scheme-container").get_by_role("button", name="Authorize").click()
    blank.locator(".auth-container input").fill(KEY)
    blank.locator(".auth-container").get_by_role("button", name="Apply credentials").click()
    blank.get_by_role("button", name="Close").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("max_bytes")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("tls"), SITE, DEMO)


@pytest.fixture(scope="module")
def framer(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Iterator[Front]:
    """The site whose page has the frame."""
    with framing_site(tmp_path_factory.mktemp("framer"), files, DEMO) as front:
        yield front


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that the site may show in a frame."""
    named = f"http://localhost:3000,https://{SITE}"
    settings = {"CLASSIFIER_FRAME_ANCESTORS": named, "CLASSIFIER_ALLOWED_HOSTS": f"{DEMO},127.0.0.1"}
    with started(tmp_path_factory.mktemp("framed") / "log.txt", settings, launcher=True) as (_, address):
        yield address


@COOKIES
def test_in_a_named_sites_frame_a_picture_and_a_photo_are_classified(
    browser_type: BrowserType, files: tuple[Path, Path], framer: Front, framed: str, cookies: str, tmp_path: Path
) -> None:
    with framing(browser_type, files, {SITE: framer}, (DEMO, framed), cookies, tmp_path) as (page, front):
        frame = drawn(page, front, cookies)
        upload(frame, BISON)
        assert best(frame) == "bison"
        frame.get_by_role("button", name="Use the camera").click()
        photograph(frame)
        assert best(frame)
        expect(frame.get_by_role("img", name="Your picture, photo.jpg")).to_be_visible()


def test_any_other_site_shows_an_empty_frame(
    browser_type: BrowserType, files: tuple[Path, Path], framer: Front, tmp_path: Path
) -> None:
    settings = {
        "CLASSIFIER_FRAME_ANCESTORS": "https://other.example.org",
        "CLASSIFIER_ALLOWED_HOSTS": f"{DEMO},127.0.0.1",
    }
    with (
        started(tmp_path / "log.txt", settings, launcher=True) as (_, address),
        framing(browser_type, files, {SITE: framer}, (DEMO, address), "allowed", tmp_path) as (page, _),
    ):
        with page.expect_console_message(lambda message: "frame-ancestors" in message.text):
            page.reload()
        expect(page.frame_locator("iframe").locator("body")).not_to_contain_text("picture")
        assert page.frames[1].url.startswith("chrome-error:")
