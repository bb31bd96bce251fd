"""The server of a visit is gone, and another one stands in its place: the page sends the picture there by itself."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.server import free_port, started
from tests.support.steps import best, opened, upload

KILLED = (-9,)


def slowly(page: Page, bytes_per_second: int) -> None:
    """Makes the visitor's line a slow one."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    session.send("Network.emulateNetworkConditions", speed)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["under way", "looked at"])
def test_the_picture_is_sent_to_the_next_server(browser: Browser, tmp_path: Path, moment: str) -> None:
    port = free_port()
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    with started(tmp_path / "first.txt", port=port, ended=KILLED) as (process, address):
        opened(page, address)
        if moment == "under way":
            slowly(page, 40_000)
            with page.expect_request(lambda request: request.method == "PUT"):
                upload(page, photo("panda.webp"))
        else:
            upload(page, photo("panda.webp"))
            assert best(page) == "giant panda"
        process.kill()
    with (
        page.expect_response(lambda response: response.request.method == "PUT", timeout=60_000) as answer,
        started(tmp_path / "second.txt", port=port),
    ):
        if moment == "looked at":
            # The bars still stand; whatever the visitor does next is the first that the new server hears of.
            expect(page.locator('[data-test-connection-state="CONNECTED"]')).to_be_attached(timeout=30_000)
            page.get_by_text("Use the camera").click()
        assert answer.value.status == 204
        expect(page.get_by_role("meter").first).to_have_attribute("aria-label", "giant panda", timeout=30_000)
        expect(page.locator("html:not([data-unsent])")).to_be_attached()
    context.close()


@pytest.mark.slow
def test_a_picture_that_never_arrives_is_not_sent_without_end(browser: Browser, tmp_path: Path) -> None:
    """It may be what ends the servers."""
    with started(tmp_path / "log.txt") as (_, address), browser.new_context(locale="en-US") as context:
        page = context.new_page()
        # Each time that a picture comes, the connection is lost, as if the server had ended.
        page.add_init_script(
            """const sockets = []; const Socket = window.WebSocket;
            window.WebSocket = class extends Socket { constructor(...args) { super(...args); sockets.push(this); } };
            window.cut = () => sockets.splice(0).forEach((one) => one.close());"""
        )
        opened(page, address)
        tried = threading.Semaphore(0)

        def fail(route) -> None:
            tried.release()
            page.evaluate("cut()")
            route.fulfill(status=503)

        page.route(
            "**/_stcore/upload_file/**",
            lambda route: fail(route) if route.request.method == "PUT" else route.continue_(),
        )
        upload(page, photo("panda.webp"))
        page.wait_for_timeout(12_000)
        count = 0
        while tried.acquire(blocking=False):
            count += 1
        assert count == 3
        expect(page.locator("html[data-unsent]")).to_be_attached()
