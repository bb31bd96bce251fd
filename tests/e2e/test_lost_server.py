"""The server is gone, and another one stands in its place: the page says so, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.photos import photo
from tests.support.server import free_port, running, started
from tests.support.steps import best, opened, refusal, sample, upload

KILLED = (-9,)


def slowly(page: Page, bytes_per_second: int) -> None:
    """Makes the visitor's line a slow one; a negative number makes it quick again."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session.send("Network.emulateNetworkConditions", speed)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["under way", "looked at"])
@pytest.mark.parametrize(
    ("locale", "words", "label"), [("en-US", "Reconnecting", "giant panda"), ("zh-CN", "正在重新连接", "大熊猫")]
)
def test_the_page_says_that_it_reconnects_and_the_first_click_works(
    browser: Browser, tmp_path: Path, moment: str, locale: str, words: str, label: str
) -> None:
    port = free_port()
    context = browser.new_context(locale=locale)
    page = context.new_page()
    with started(tmp_path / "first.txt", port=port, ended=KILLED) as (process, address):
        opened(page, address)
        if moment == "under way":
            slowly(page, 40_000)
            with page.expect_request(lambda request: request.method == "POST"):
                upload(page, photo("panda.webp"))
        else:
            sample(page, "koala")
            best(page)
        process.kill()
    expect(page.locator("#connection").get_by_text(words)).to_be_visible()
    if moment == "looked at":
        sample(page, "panda")
        expect(page.locator("#bars")).to_have_attribute("aria-busy", "true")
        # Streamlit's own hints are for developers.
        expect(page.get_by_text("Streamlit", exact=False).locator("visible=true")).to_have_count(0)
    with started(tmp_path / "second.txt", port=port):
        expect(page.get_by_role("meter").first).to_have_attribute("aria-label", label, timeout=120_000)
        expect(page.locator("#connection")).to_be_hidden(timeout=120_000)
        expect(refusal(page)).to_have_count(0)
        sample(page, "koala")
        best(page)
    context.close()


@pytest.mark.slow
def test_a_picture_that_never_arrives_is_not_sent_without_end(browser: Browser, tmp_path: Path) -> None:
    """It may be what ends the servers."""
    with running(tmp_path / "log.txt") as address, browser.new_context(locale="en-US") as context:
        page = opened(context.new_page(), address)
        tried: list[str] = []

        def fail(route: Route) -> None:
            tried.append(route.request.url)
            route.abort("connectionreset")

        page.route("**/page/**", fail)
        upload(page, photo("panda.webp"))
        expect(refusal(page).get_by_text("did not arrive")).to_be_visible(timeout=30_000)
        assert len(tried) == 3
        page.unroute_all()
        page.get_by_role("button", name="Try again").click()
        assert best(page) == "giant panda"
