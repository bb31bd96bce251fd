"""A visitor whose upload is under way when the server of the visit is lost, and how soon the page goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import md5
from io import BytesIO

from PIL import Image
from playwright.sync_api import Browser, Error, Page, expect

from tests.support.photos import photo
from tests.support.steps import upload

SECONDS = 3.0
"""What the visitor's line takes for the picture."""


def route_of(address: str) -> str:
    """What nginx calls a server in its cookie, as `deploy/nginx/watch` does."""
    return md5(f"{address}:8501".encode(), usedforsecurity=False).hexdigest()[:16]


def seconds_to_go_on(browser: Browser, address: str, losing: Callable[[str], Callable[[], object]]) -> float:
    """Seconds from the loss until the bars of the picture that was under way are there.

    Args:
        browser: the visitor's.
        address: of nginx.
        losing: finds the server with this route, and gives what loses it at once.
    """
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        _open(page, address)
        (route,) = [cookie["value"] for cookie in context.cookies() if cookie.get("name") == "route"]
        lose, picture = losing(str(route)), _large_picture()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": len(picture) / SECONDS}
        session.send("Network.emulateNetworkConditions", speed)
        with page.expect_request(lambda request: request.method == "POST"):
            upload(page, {"name": "panda.jpg", "mimeType": "image/jpeg", "buffer": picture})
        lose()
        begin = time.monotonic()
        expect(page.get_by_role("meter").first).to_have_attribute("aria-label", "giant panda", timeout=30_000)
        return time.monotonic() - begin


def _large_picture() -> bytes:
    """Large enough that what else the page asks for does not count on a line on which it takes some seconds."""
    with Image.open(photo("panda.webp")) as image, BytesIO() as out:
        image.convert("RGB").resize((1600, 1200)).save(out, "JPEG", quality=95)
        return out.getvalue()


def _open(page: Page, address: str) -> None:
    """Opens the page; again where its files did not come, as when this machine's network is changed by containers."""
    for tries in range(4):
        try:
            page.goto(address)
            expect(page.locator("#page[data-ready]")).to_be_visible(timeout=20_000)
            return
        except (AssertionError, Error):
            if tries == 3:
                raise
