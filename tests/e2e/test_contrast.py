"""What is no text is seen, too: controls, bars and the ring of the focus, also in colours that the system forces.

Windows' contrast themes force colours; Chromium does the same here. The ratio of 3 to 1 is that of WCAG 2.2, success
criterion 1.4.11.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

import pytest
from playwright.sync_api import Page, expect

from tests.support.controls import ask, changed, contrast, shot, tab_stops
from tests.support.moments import MOMENTS, STILL, recoloured
from tests.support.steps import until

SCHEMES = ("light", "dark")
COLOURS = ("none", "active")
TALL = (1280, 1800)

Coloured = Callable[[str], Iterator[tuple[Page, str]]]

# Takes away the ring of the focus and nothing else.
RINGLESS = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("*, ::before, ::after { outline: none !important; box-shadow: none !important }");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}"""
WITH_RING = "() => { document.adoptedStyleSheets = document.adoptedStyleSheets.slice(0, -1); }"


@pytest.fixture
def coloured(moment: Callable[..., Page]) -> Coloured:
    """Brings one visit to a moment, and it into each scheme, in colours that are forced ("active") or not ("none")."""

    def come(name: str) -> Iterator[tuple[Page, str]]:
        page = moment(name, "en", *TALL)
        for scheme, colours in product(SCHEMES, COLOURS):
            recoloured(page, scheme, colours)
            yield page, f"{scheme}, forced colours: {colours}"

    return come


def place(page: Page, selector: str) -> dict[str, float]:
    box = page.locator(selector).first.bounding_box()
    assert box
    return dict(box)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [name for name in MOMENTS if name != "dropping"])  # whose hint lies over all
def test_every_control_is_seen(coloured: Coloured, name: str) -> None:
    for page, colours in coloured(name):
        places = ask(page, "places")
        assert len(places) > 5
        assert [said for said, box in places if contrast(shot(page, box, 2)) < 3] == [], colours


def test_a_slider_shows_where_its_thumb_is(coloured: Coloured) -> None:
    for page, colours in coloured("settings"):
        for name in ("#k", "#min"):
            pictures = []
            for key in ("Home", "End"):
                page.locator(name).press(key)
                page.locator(name).blur()
                pictures.append(shot(page, place(page, name), 0))
            assert changed(*pictures) >= 3, (name, colours)


def test_bars_show_their_lengths(coloured: Coloured) -> None:
    for page, colours in coloured("result"):
        tracks = page.locator("#bars .track")
        expect(tracks).to_have_count(5)
        for number in (0, 4):
            track, fill = (tracks.nth(number).locator(one) for one in ("xpath=.", ".fill"))
            whole, part = track.bounding_box(), fill.bounding_box()
            assert whole
            assert part
            assert part["width"] < whole["width"]
            assert contrast(shot(page, dict(whole), 2)) >= 3, colours  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chosen", "other"),
    [
        ("#languages [data-lang=en]", "#languages [data-lang=zh]"),
        ("#settings label:has([name=view]):nth-of-type(1)", "#settings label:has([name=view]):nth-of-type(2)"),
    ],
    ids=["language", "view"],
)
def test_what_is_chosen_is_told_from_what_is_not(coloured: Coloured, chosen: str, other: str) -> None:
    for page, colours in coloured("settings"):
        pictures = []
        for one in (chosen, other):
            page.locator(one).click()
            page.evaluate("document.activeElement.blur()")
            page.mouse.move(0, 0)
            until(page, STILL)
            pictures.append(shot(page, place(page, chosen), 0))
        assert changed(pictures[0], pictures[1].resize(pictures[0].size)) >= 3, colours


@pytest.mark.parametrize("name", ["refused", "settings", "menu"])
def test_the_ring_of_the_focus_is_seen(coloured: Coloured, name: str) -> None:
    for page, colours in coloured(name):
        found = dict(rings(page))
        assert len(found) > 10
        assert {one: ring for one, ring in found.items() if ring < 3} == {}, colours


def rings(page: Page) -> Iterator[tuple[str, float]]:
    """For each place of the focus, the strongest contrast of a pixel with the ring to the same one without."""
    for _ in tab_stops(page):
        page.keyboard.press("Tab")
        now = ask(page, "focus")
        if now["number"]:
            until(page, STILL)
            page.evaluate(RINGLESS)
            without = shot(page, now["box"])
            page.evaluate(WITH_RING)
            yield now["name"], changed(without, shot(page, now["box"]))
