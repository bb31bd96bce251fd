"""Where there is no room for another visit, the page says so, and opens when there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, expect

from tests.support.addresses import SMALL, visit
from tests.support.server import running


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with room for few; it does not look whether visitors are still there."""
    patient = {"STREAMLIT_SERVER_WEBSOCKET_PING_INTERVAL": "600"}
    with running(tmp_path_factory.mktemp("crowded") / "log.txt", patient, first=SMALL) as address:
        yield address


def fill(address: str, stack: ExitStack) -> None:
    """Opens visits from one address after the other until nobody is let in any more, and nobody leaves."""
    full = 0
    for number in range(2, 250):
        status = 101
        while status == 101:
            page, got = visit(address, f"127.0.0.{number}")
            status = got.status
            stack.enter_context(page)
        full = full + 1 if status == 503 else 0
        if full == 3:
            return
        if full:
            time.sleep(1)
    raise AssertionError("it is never full")


@pytest.mark.parametrize(("locale", "words"), [("en-US", "no room"), ("zh-CN", "无法接待")])
def test_a_visitor_for_whom_there_is_no_room_reads_so_and_is_let_in_later(
    browser: Browser, small: str, locale: str, words: str
) -> None:
    with browser.new_context(locale=locale) as context, ExitStack() as stack:
        fill(small, stack)
        page = context.new_page()
        page.goto(small)
        expect(page.get_by_role("status").filter(has_text=words)).to_be_visible()
        stack.close()
        expect(page.locator(".stBidiComponent #page")).to_be_attached(timeout=60_000)
        expect(page.get_by_text(words)).to_have_count(0)
