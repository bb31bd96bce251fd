"""A visitor whose picture the server has no room for reads so, and gets the answer when there is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect

from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, opened, sample, upload
from tests.support.waiting import until as wait_until
from tests.support.wire import connected, head, metric

LARGEST = 20_000_000
BISON = photo("bison.webp")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with room for one of the largest pictures."""
    environment = {"CLASSIFIER_UPLOADS": str(LARGEST)}
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


@pytest.mark.parametrize(("locale", "words"), [("en-US", "has much to do"), ("zh-CN", "服务器正忙")])
def test_a_picture_that_finds_no_room_waits_for_it_and_the_page_says_so(
    browser: Browser, small: str, locale: str, words: str
) -> None:
    context = browser.new_context(locale=locale)
    page = opened(context.new_page(), small)
    with filled(small):
        upload(page, BISON)
        expect(page.locator("#waiting").get_by_text(words)).to_be_visible()
        expect(page.locator("#bars")).to_have_attribute("aria-busy", "true")
    assert best(page)
    expect(page.locator("#waiting")).to_be_hidden()
    context.close()


def test_what_needs_no_room_is_answered_meanwhile(browser: Browser, small: str) -> None:
    context = browser.new_context(locale="en-US")
    page = opened(context.new_page(), small)
    with filled(small):
        upload(page, BISON)
        expect(page.locator("#waiting").get_by_text("has much to do")).to_be_visible()
        sample(page, "koala")
        assert best(page) == "koala"
    context.close()
