"""A visitor whose picture the server has no room for reads so, and what to do; trying again then works."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import SHOWN, best, opened, photograph, until, upload
from tests.support.waiting import until as wait_until
from tests.support.wire import connected, head, metric

LARGEST = 20_000_000
BISON = photo("bison.webp")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with room for one of the largest pictures; what visits hold does not change during a test."""
    environment = {"CLASSIFIER_UPLOADS": str(LARGEST), "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL": "600"}
    with running(tmp_path_factory.mktemp("full") / "log.txt", environment) as address:
        yield address


@contextmanager
def filled(address: str) -> Iterator[None]:
    """Somebody else takes all but a few bytes of the room."""

    def free() -> float:
        return metric(address, "classifier_budget_size_bytes") - metric(address, "classifier_budget_used_bytes")

    before = int(free())
    with connected(address) as other:
        other.sendall(head(Content_Length=str(before)) + b"x" * (before - 100))
        wait_until(lambda: free() == 100)
        yield
    wait_until(lambda: free() == before)


@pytest.mark.parametrize(("locale", "words"), [("en-US", "did not arrive"), ("zh-CN", "未能送达")])
def test_a_picture_that_finds_no_room_gets_a_message_and_the_next_try_works(
    browser: Browser, small: str, locale: str, words: str
) -> None:
    context = browser.new_context(locale=locale)
    page = opened(context.new_page(), small)
    with filled(small):
        upload(page, BISON)
        expect(page.locator(".stFileChip[aria-invalid=true]")).to_be_visible()
        until(page, f"{SHOWN}.includes('{words}')")
    with page.expect_file_chooser() as dialog:
        page.get_by_role("button", name="Add files").click()
    dialog.value.set_files(BISON)
    assert best(page)
    assert page.evaluate(SHOWN) == "none"
    expect(page.locator(".stFileChip:visible")).to_have_count(1)
    context.close()


def test_a_photo_that_finds_no_room_gets_the_message_too(browser: Browser, small: str) -> None:
    context = browser.new_context(locale="en-US", permissions=["camera"])
    page = opened(context.new_page(), small)
    page.get_by_text("Use the camera").click()
    with filled(small):
        photograph(page)
        until(page, f"{SHOWN}.includes('did not arrive')")
    page.get_by_role("button", name="Clear photo").click()
    photograph(page)
    assert best(page)
    assert page.evaluate(SHOWN) == "none"
    context.close()


def test_the_message_goes_when_the_next_file_is_refused_for_another_reason(page: Page, small: str) -> None:
    opened(page, small)
    with filled(small):
        upload(page, BISON)
        until(page, f"{SHOWN}.includes('did not arrive')")
    upload(page, {"name": "large.png", "mimeType": "image/png", "buffer": bytes(20_000_001)})
    until(page, f"{SHOWN}.includes('larger than 20 MB')")
