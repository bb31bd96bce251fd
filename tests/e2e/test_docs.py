"""The API's docs page: drawn by scripts of our own, good to try the API with."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from playwright.sync_api import Page, expect

from tests.support.photos import photo


def test_the_docs_page_works_without_any_other_host(page: Page, server: str) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.goto(f"{server}/api/docs")
    operation = page.locator("#operations-default-classify")
    expect(operation).to_be_visible()
    operation.get_by_role("button", name=re.compile("post")).first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.locator("input[type=file]").set_input_files(photo("panda.webp"))
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table")).to_contain_text("giant panda")
    assert hosts <= {urlsplit(server).netloc, ""}
