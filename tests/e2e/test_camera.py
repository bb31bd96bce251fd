"""A photo from the camera, which is asked for when it is wanted and off as soon as it is not."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from tests.support.steps import CAMERAS, best, opened, photograph, sample


def test_a_photo_from_the_camera_is_classified_and_permission_is_asked_only_then(browser: Browser, server: str) -> None:
    context = browser.new_context(locale="en-US", permissions=["camera"])
    page = context.new_page()
    page.add_init_script(CAMERAS)
    opened(page, server)
    assert page.evaluate("window.asked") == 0
    page.get_by_role("button", name="Use the camera").click()
    photograph(page)
    assert best(page)
    expect(page.get_by_role("img", name="Your picture, photo.jpg")).to_be_visible()
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#video")).not_to_have_js_property("currentTime", 0)
    page.keyboard.press("Escape")
    expect(page.locator("#video")).to_be_hidden()
    expect(page.get_by_role("button", name="Use the camera")).to_be_focused()
    assert page.evaluate("window.asked") == 2
    assert set(page.evaluate("window.cameras.map((one) => one.readyState)")) == {"ended"}
    context.close()


def test_without_a_camera_the_page_says_what_to_do(browser: Browser, server: str) -> None:
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotFoundError'));"
    )
    opened(page, server)
    page.get_by_role("button", name="Use the camera").click()
    expect(page.get_by_role("alert").filter(has_text="Choose a file instead")).to_be_visible()
    sample(page, "koala")
    assert best(page) == "koala"
    context.close()
