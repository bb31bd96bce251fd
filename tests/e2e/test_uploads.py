"""What one visit may leave on the server is bounded, and a visitor who tries many pictures never meets the bound."""

from __future__ import annotations

from collections import Counter

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.steps import SEND, best, idle, opened, photograph, upload
from web.uploads.page import MAX_FILES

# Sends files as the page itself does, and gives the statuses.


@pytest.fixture
def send(visit: Page):
    """Sends many files into one visit that holds one picture already: (number, bytes) -> statuses."""
    with visit.expect_request(lambda request: request.method == "PUT") as put:
        upload(visit, photo("bison.webp"))
    assert best(visit) == "bison"
    url, token = put.value.url.rpartition("/")[0], put.value.headers["x-xsrftoken"]
    return lambda files, size: Counter(visit.evaluate(SEND, [url, token, files, size]))


def test_more_files_than_the_page_ever_needs_are_refused(send) -> None:
    assert send(20, 100_000) == {204: MAX_FILES - 1, 429: 20 - (MAX_FILES - 1)}
    assert send(1, 10) == {429: 1}


def test_a_file_over_the_limit_is_refused(send) -> None:
    assert send(1, 22_000_000) == {413: 1}
    assert send(MAX_FILES - 1, 10) == {204: MAX_FILES - 1}  # it left nothing behind


def test_a_visitor_may_try_as_many_pictures_as_they_like(browser: Browser, server: str) -> None:
    context = browser.new_context(locale="en-US", permissions=["camera"])
    page = opened(context.new_page(), server)
    for number in range(MAX_FILES + 1):
        name = f"{number}.webp"
        upload(page, {"name": name, "mimeType": "image/webp", "buffer": photo("bison.webp").read_bytes()})
        expect(page.get_by_role("img", name=f"Your picture, {name}")).to_be_visible()
        idle(page)
    page.get_by_text("Use the camera").click()
    for _ in range(MAX_FILES + 1):
        photograph(page)
        assert best(page)
        page.get_by_role("button", name="Clear photo").click()
        expect(page.locator(".bar")).to_have_count(0)
    context.close()
