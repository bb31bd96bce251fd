"""Large letters and small windows: nothing is cut off, covered, beside the window or too small to hit.

A window of 1280 CSS pixels is 640 wide at 200 % and 320 at 400 %: WCAG 2.2, success criteria 1.4.4 and 1.4.10.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from classifier.languages import languages
from tests.support.controls import ask
from tests.support.moments import MOMENTS, speaking
from tests.support.steps import best

WINDOWS = {
    "at 200 %": (640, 400),
    "at 400 %": (320, 256),
    "phone": (360, 740),
    "tablet": (768, 1024),
    "laptop": (1280, 800),
}
# Success criterion 1.4.12.
SPACED = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important }
        * { word-spacing: .16em !important }
        p { margin-bottom: 2em !important }`);
    document.adoptedStyleSheets.push(sheet);
}"""
LANGUAGES = pytest.mark.parametrize("code", languages())


def faults(page: Page) -> list[str]:
    """What a visitor cannot read, reach or hit, at the beginning of the page and at its end."""
    found = ["it scrolls sideways"] if ask(page, "scrolls") > 1 else []
    found += [f"small: {what}" for what in ask(page, "small")]
    for place in ("0", "document.documentElement.scrollHeight"):
        page.evaluate(f"scrollTo({{ top: {place}, behavior: 'instant' }})")
        found += [f"{kind}: {what}" for kind in ("sideways", "clipped", "covered") for what in ask(page, kind)]
    return found


@pytest.mark.parametrize("name", [name for name in MOMENTS if name != "dropping"])  # whose hint lies over all
def test_nothing_is_cut_off_covered_or_too_small_to_hit(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    found = {}
    for code, (window, (width, height)) in product(languages(), WINDOWS.items()):
        page.set_viewport_size({"width": width, "height": height})
        found[code, window] = faults(speaking(page, code))
    assert {window: what for window, what in found.items() if what} == {}


@pytest.mark.parametrize("name", ["empty", "unsure", "refused", "settings", "menu", "details"])
def test_text_may_be_spaced_widely(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    page.evaluate(SPACED)
    for width, height in (WINDOWS["laptop"], WINDOWS["at 400 %"]):
        page.set_viewport_size({"width": width, "height": height})
        assert faults(page) == []


@LANGUAGES
def test_on_a_phone_the_answer_is_seen_without_scrolling(moment: Callable[..., Page], code: str) -> None:
    page = moment("empty", code, 360, 640)
    page.locator("#samples [data-sample=koala]").click()
    best(page)
    for shown in (page.locator("#bars .label").first, page.locator("#bars .percent").first, page.locator("#choose")):
        expect(shown).to_be_in_viewport(ratio=1)


@LANGUAGES
def test_an_answer_and_all_about_it_fits_a_laptop(moment: Callable[..., Page], code: str) -> None:
    page = moment("result", code)
    # The page's font comes late on a slow line, and is then left out for this visit.
    page.locator("#page").evaluate("(all) => all.style.fontFamily = 'DejaVu Sans, Verdana, sans-serif'")
    for shown in ("#shown", "#choose", "#camera-open", "#bars", "#took", "#settings-open", "#download", "#samples"):
        expect(page.locator(shown)).to_be_in_viewport(ratio=1)


def test_what_a_drag_does_a_click_does_too(moment: Callable[..., Page]) -> None:
    """Success criterion 2.5.7: a slider follows a click beside its thumb."""
    page = moment("settings")
    slider = page.locator("#k")
    box = slider.bounding_box()
    assert box
    before = int(slider.input_value())
    slider.click(position={"x": box["width"] * 0.9, "y": box["height"] / 2})
    assert int(slider.input_value()) > before
