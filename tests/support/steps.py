"""What a visitor does, in the words of the tests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Error, Frame, Locator, Page, Route, expect


def opened(page: Page, address: str) -> Page:
    """Opens the page and waits until it can be used, and Streamlit's part of it stands."""
    try:
        page.goto(address)
    except Error:  # Chromium may find its network changed right after its start
        page.goto(address)
    ready(page)
    return page


def ready(page: Page | Frame) -> None:
    """Waits until the page can be used, and Streamlit's script has handed over what the server offers."""
    expect(page.locator("#page[data-ready]")).to_be_visible(timeout=60_000)
    expect(page.locator(".stBidiComponent #page")).to_be_attached(timeout=60_000)  # after a hundred scripts


def upload(page: Page | Frame, file: Path | dict[str, object]) -> None:
    """Picks a file in the file dialog: a path, or name, mimeType and buffer."""
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type]


def sample(page: Page | Frame, name: str) -> None:
    """Clicks on a sample."""
    page.locator(f"[data-sample={name}]").click()


def best(page: Page | Frame) -> str:
    """The label of the first bar, once the picture looked at has its result."""
    expect(page.locator("#page")).to_have_attribute("data-state", "result")
    expect(page.locator("#bars[aria-busy=false]")).to_be_visible()
    return page.locator(".bar .label").first.text_content() or ""


def refusal(page: Page | Frame) -> Locator:
    """The message that stands where the bars would be."""
    return page.locator("#error:visible")


CAMERAS = """window.cameras = []; window.asked = 0;
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (...args) => {
    window.asked += 1;
    const stream = await open(...args);
    window.cameras.push(...stream.getTracks());
    return stream;
};"""
"""For a page before it loads: `window.cameras` are the tracks it was given, `window.asked` is how often it asked."""


def photograph(page: Page | Frame) -> None:
    """Takes a photo, once the camera, opened already, shows something."""
    expect(page.locator("#video")).to_be_visible()
    expect(page.locator("#video")).not_to_have_js_property("currentTime", 0)
    page.get_by_role("button", name="Take a photo").click()
    expect(page.locator("#video")).to_be_hidden()


def settings(page: Page | Frame) -> None:
    """Opens the settings."""
    page.locator("#settings-open[aria-expanded=false]").click()


def until(page: Page | Frame, condition: str, seconds: float = 15) -> None:
    """Waits for a JavaScript expression to be true; Playwright's own way is an `eval` in the page, which may not."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(20)


@contextmanager
def held(page: Page, pattern: str = "**/page/classify**") -> Iterator[list[Route]]:
    """Holds back the page's requests, and lets them go at the end."""
    routes: list[Route] = []
    page.route(pattern, lambda route: routes.append(route))
    yield routes
    for route in routes:
        route.continue_()
    page.unroute(pattern)
