"""A part of the picture: marked by keys, by a pointer or by touch, and looked at as a picture of its own."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, opened, sample, upload

BOX = """() => {
    const { left, top, width, height } = document.getElementById("crop-box").style;
    return [left, top, width, height].map(parseFloat);
}"""

# The pixels of the picture, which the browser shows from the very file that it sends.
SENT = """async () => {
    const shown = document.getElementById("shown");
    await shown.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [shown.naturalWidth, shown.naturalHeight];
    canvas.getContext("2d").drawImage(shown, 0, 0);
    return canvas.toDataURL().split(",")[1];
}"""


def marking(page: Page, name: str = "coffee") -> None:
    """A part of a sample is being marked."""
    sample(page, name)
    best(page)
    page.locator("#crop-open").click()
    expect(page.locator("#crop-box")).to_be_focused()


def taken(page: Page) -> None:
    """Takes the part by Enter, and waits for its answer."""
    page.keyboard.press("Enter")
    expect(page.locator("#page")).to_have_attribute("data-picture", re.compile("crop:"))
    best(page)


def place(page: Page, across: float, down: float) -> tuple[float, float]:
    """A point of the picture, by shares of its sides, in the window."""
    box = page.locator("#shown").bounding_box()
    assert box
    return box["x"] + across * box["width"], box["y"] + down * box["height"]


def near(page: Page, *wanted: float) -> bool:
    """Whether the box has left, top, width and height in percent of the picture, to a pixel or two."""
    return bool(np.allclose(page.evaluate(BOX), wanted, atol=1))


def test_a_part_marked_by_keys_is_sent_as_the_original_has_it_and_back_leads_to_the_whole(visit: Page) -> None:
    marking(visit)
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "Shift+ArrowLeft", "Shift+ArrowDown"):
        visit.keyboard.press(key)
    assert near(visit, 24, 18, 58, 62)
    expect(visit.locator("#crop-size")).to_have_text("348 × 248 pixels, 24% from the left and 18% from the top.")
    expect(visit.locator("#status")).to_have_text(visit.locator("#crop-size").inner_text())  # once the keys rest
    taken(visit)
    expect(visit.get_by_role("img", name="A part of Cup of coffee")).to_be_visible()
    sent = base64.b64decode(str(visit.evaluate(SENT)))
    part = np.asarray(Image.open(io.BytesIO(sent)))
    whole = np.asarray(Image.open(photo("coffee.png")).convert("RGB"))
    assert np.array_equal(part[..., :3], whole[72:320, 144:492])
    expect(visit.locator("#credit")).to_contain_text("Rachel Michetti")
    expect(visit.locator("#page")).to_have_attribute("data-picture", re.compile("crop:"))
    expect(visit.locator("#crop-open")).to_be_focused()
    visit.go_back()
    assert best(visit) == "espresso"
    expect(visit.get_by_role("img", name="Sample picture: Cup of coffee")).to_be_visible()


def test_a_pointer_draws_moves_and_pulls_the_box(visit: Page) -> None:
    marking(visit)
    for start, end, wanted in (
        ((0.05, 0.1), (0.45, 0.6), (5, 10, 40, 50)),  # over the picture: a new one
        ((0.25, 0.35), (0.95, 0.95), (60, 50, 40, 50)),  # the box itself, no further than the picture goes
        ((0.6, 0.5), (0.5, 0.2), (50, 20, 50, 80)),  # a corner
        ((0.5, 0.2), (0.5, 0.2), (50, 20, 50, 80)),  # a tap alone changes nothing yet
    ):
        visit.mouse.move(*place(visit, *start))
        visit.mouse.down()
        visit.mouse.move(*place(visit, *end), steps=3)
        visit.mouse.up()
        assert near(visit, *wanted), (start, end, visit.evaluate(BOX))
    visit.keyboard.press("Escape")
    expect(visit.locator("#crop")).to_be_hidden()
    expect(visit.locator("#crop-box")).to_be_hidden()
    expect(visit.locator("#crop-open")).to_be_focused()


def test_two_taps_do_what_a_drag_does(browser: Browser, server: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="en-US", has_touch=True)
    page = opened(context.new_page(), server)
    marking(page)
    page.touchscreen.tap(*place(page, 0.9, 0.8))
    expect(page.locator("#crop-corner")).to_be_visible()
    page.touchscreen.tap(*place(page, 0.3, 0.1))
    expect(page.locator("#crop-corner")).to_be_hidden()
    assert near(page, 30, 10, 60, 70)
    page.get_by_role("button", name="Look at this part").click()
    expect(page.get_by_role("img", name="A part of Cup of coffee")).to_be_visible()
    context.close()


def test_a_part_of_what_the_browser_cannot_show_is_cut_from_the_preview_and_that_is_said(
    visit: Page, tmp_path: Path
) -> None:
    file = tmp_path / "cat.tiff"
    Image.open(photo("chelsea.png")).convert("RGB").save(file)
    upload(visit, file)
    best(visit)
    expect(visit.locator("#shown")).to_be_visible()  # once the preview has come
    visit.locator("#crop-open").click()
    expect(visit.locator("#crop-box")).to_be_focused()
    taken(visit)
    expect(visit.get_by_role("img", name="A part of cat.tiff")).to_be_visible()
    expect(visit.locator("#credit")).to_have_text(
        "Cut from a preview of 451 × 300 pixels: this browser cannot show the picture itself."
    )


def test_another_picture_ends_it(visit: Page) -> None:
    marking(visit)
    sample(visit, "koala")
    assert best(visit) == "koala"
    expect(visit.locator("#crop")).to_be_hidden()
    expect(visit.locator("#crop-box")).to_be_hidden()


def test_an_operator_can_switch_these_parts_off(browser: Browser, tmp_path: Path) -> None:
    names = ("why", "crop", "compare")
    with running(tmp_path / "log.txt", {"CLASSIFIER_PAGE_WITHOUT": ",".join(names)}) as address:
        page = opened(browser.new_page(), f"{address}?sample=koala&with=cifar10")
        best(page)
        for name in names:
            expect(page.locator(f"#{name}-open")).to_be_hidden()
            expect(page.locator(f"#{name}")).to_be_hidden()
        page.close()
