"""What a visitor does, in the words of the tests."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import Error, Frame, Page, expect

SHOWN = "getComputedStyle(document.querySelector('.st-key-inputs'), '::after').content"
"""What is written where a file can be dropped."""

SEND = """([url, token, files, size]) => Promise.all(Array.from({ length: files }, async () => {
    const body = new FormData();
    body.append("file", new Blob([new Uint8Array(size)]), "zero.jpg");
    const headers = { "X-Xsrftoken": token };
    const file = Math.random().toString(36);
    return (await fetch(`${url}/${file}`, { method: "PUT", body, headers })).status;
}))"""
"""Sends that many files of that size to an address, and gives the statuses."""


def opened(page: Page, address: str) -> Page:
    """Opens the page and waits until it is drawn."""
    try:
        page.goto(address)
    except Error:  # Chromium may find its network changed right after its start
        page.goto(address)
    expect(page.locator(".st-key-footer")).to_be_visible()
    # Its code comes in a file of its own, later than the rest.
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible()
    idle(page)
    return page


def idle(page: Page | Frame) -> None:
    """Waits until the page's script has nothing to do."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def upload(page: Page | Frame, file: Path | dict[str, object]) -> None:
    """Picks a file in the file dialog: a path, or name, mimeType and buffer."""
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)  # type: ignore[arg-type]


def best(page: Page | Frame) -> str:
    """The label of the first bar, once there is one and nothing moves."""
    expect(page.locator(".bar").first).to_be_visible()
    idle(page)
    return page.locator(".bar .label").first.text_content() or ""


def photograph(page: Page | Frame) -> None:
    """Takes a photo, once the camera, turned on already, shows something."""
    expect(page.locator("video")).to_be_visible()
    idle(page)
    expect(page.locator("video")).not_to_have_js_property("currentTime", 0)
    for _ in range(3):  # on a busy machine it may move away between the pointer's down and up, which is no click
        page.get_by_role("button", name="Take Photo").click()
        with suppress(AssertionError):
            expect(page.get_by_role("button", name="Clear photo")).to_be_visible(timeout=5_000)
            return
    raise AssertionError("there is no photo")


def until(page: Page | Frame, condition: str, seconds: float = 15) -> None:
    """Waits for a JavaScript expression to be true; Playwright's own way is an `eval` in the page, which may not."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)
