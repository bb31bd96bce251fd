"""What a visitor does, in the words of the tests."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Error, Page, expect


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


def idle(page: Page) -> None:
    """Waits until the page's script has nothing to do."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def upload(page: Page, file: Path | dict[str, object]) -> None:
    """Picks a file in the file dialog: a path, or name, mimeType and buffer."""
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)  # type: ignore[arg-type]


def best(page: Page) -> str:
    """The label of the first bar, once there is one and nothing moves."""
    expect(page.locator(".bar").first).to_be_visible()
    idle(page)
    return page.locator(".bar .label").first.text_content() or ""
