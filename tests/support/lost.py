"""A visitor whose upload is under way when the server of the visit is lost, and how soon the page goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import md5

from playwright.sync_api import Browser, expect

from tests.support.photos import photo
from tests.support.steps import opened, upload

SPEED = 60_000
"""Bytes a second of the visitor's line: the picture takes about two seconds."""


def route_of(address: str) -> str:
    """What nginx calls a server in its cookie, as `deploy/nginx/watch` does."""
    return md5(f"{address}:8501".encode(), usedforsecurity=False).hexdigest()[:16]


def seconds_to_go_on(browser: Browser, address: str, lose: Callable[[str], object]) -> tuple[float, float]:
    """Seconds from the loss until the picture is on its way to another server, and until its bars are there.

    Args:
        browser: the visitor's.
        address: of nginx.
        lose: loses the server with this route, at once.
    """
    with browser.new_context(locale="en-US") as context:
        page = context.new_page()
        opened(page, address)
        (route,) = [cookie["value"] for cookie in context.cookies() if cookie.get("name") == "route"]
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        speed = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SPEED}
        session.send("Network.emulateNetworkConditions", speed)
        with page.expect_request(lambda request: request.method == "PUT") as first:
            upload(page, photo("panda.webp"))
        visit = first.value.url.split("/")[-2]
        with page.expect_request(lambda each: each.method == "PUT" and each.url.split("/")[-2] != visit):
            lose(str(route))
            begin = time.monotonic()
        again = time.monotonic() - begin
        expect(page.get_by_role("meter").first).to_have_attribute("aria-label", "giant panda", timeout=30_000)
        return again, time.monotonic() - begin
