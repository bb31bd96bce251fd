"""Under the Content-Security-Policy everything works, and the browser finds nothing to refuse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, expect

from tests.support.photos import photo
from tests.support.steps import best, opened, photograph, upload

REFUSALS = re.compile("content.security.policy|permissions.policy|opener.policy|unrecognized feature|refused to", re.I)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of its own, with a camera; fails when a page of it was refused anything."""
    refused: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if REFUSALS.search(message.text):
            refused.append(message.text)

    context = browser.new_context(locale="en-US", permissions=["camera"])
    context.on("console", note)
    context.expose_function("refused", lambda what: refused.append(what))
    context.add_init_script(
        """document.addEventListener("securitypolicyviolation",
            (event) => window.refused(`${event.violatedDirective}: ${event.blockedURI}`));"""
    )
    yield context
    context.close()
    # Streamlit's protobuf.js tries WebAssembly for 64-bit numbers and does without where it may not.
    assert set(refused) <= {"script-src: wasm-eval"}


def test_the_page_works_under_its_policy(visitor: BrowserContext, server: str) -> None:
    page = opened(visitor.new_page(), server)
    upload(page, photo("bison.webp"))
    assert best(page) == "bison"
    expect(page.get_by_role("img", name="Your picture, bison.webp")).to_be_visible()
    page.get_by_role("button", name="Download").click()
    for kind in ("JSON", "CSV"):
        with page.expect_download():
            page.get_by_role("button", name=kind).click()
    page.get_by_role("button", name="Red panda").click()
    expect(page.get_by_role("img", name="Sample picture: Red panda")).to_be_visible()
    assert "app-static/thumbnails/red_panda.webp?v=" in str(page.locator("#samples img").first.get_attribute("src"))
    page.get_by_role("button", name="Use the camera").click()
    photograph(page)
    assert best(page)
    expect(page.get_by_role("img", name="Your picture, photo.jpg")).to_be_visible()


def test_the_docs_work_under_theirs(visitor: BrowserContext, server: str) -> None:
    page = visitor.new_page()
    page.goto(f"{server}/api/docs")
    operation = page.locator("#operations-default-info")
    operation.get_by_role("button", name=re.compile("get")).first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("max_bytes")


@pytest.mark.parametrize("path", ["/", "/api/docs"])
def test_a_script_put_into_a_page_does_not_run(browser: Browser, server: str, path: str) -> None:
    """Also the proof that a refusal would be seen by the tests above."""
    context = browser.new_context()
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.goto(server + path)
    page.evaluate(
        """document.body.append(Object.assign(document.createElement("script"), { text: "window.ran = true" }))"""
    )
    assert page.evaluate("window.ran") is None
    assert any(map(REFUSALS.search, messages))
    context.close()
