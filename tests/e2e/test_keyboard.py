"""Whoever has no mouse: everything is reached and done by keys, and the focus is always somewhere, and seen."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.support.controls import ask, tab_stops, tab_to
from tests.support.moments import DRAWN, MOMENTS, TEXT
from tests.support.photos import photo
from tests.support.steps import best, upload

BISON = photo("bison.webp")
WINDOWS = {"laptop": (1280, 800), "phone": (390, 844), "at 400%": (320, 256)}


def test_a_whole_visit_by_keyboard(visit: Page) -> None:
    tab_to(visit, "#choose")
    with visit.expect_file_chooser() as dialog:
        visit.keyboard.press("Enter")
    dialog.value.set_files(BISON)
    assert best(visit) == "bison"
    expect(visit.locator("#choose")).to_be_focused()

    tab_to(visit, "#settings-open")
    visit.keyboard.press("Enter")
    tab_to(visit, "#model")
    visit.keyboard.press("ArrowUp")
    expect(visit).to_have_url(re.compile(r"[?&]model="))
    tab_to(visit, "#settings input[name=view]:checked")
    visit.keyboard.press("ArrowRight")
    expect(visit).to_have_url(re.compile(r"[?&]view="))
    tab_to(visit, "#k")
    visit.keyboard.press("ArrowRight")
    expect(visit.locator("#bars .bar")).to_have_count(6)
    visit.keyboard.press("Escape")
    expect(visit.locator("#settings")).to_be_hidden()
    expect(visit.locator("#settings-open")).to_be_focused()

    tab_to(visit, "#download")
    visit.keyboard.press("Enter")
    tab_to(visit, "#download-csv")
    with visit.expect_download() as download:
        visit.keyboard.press("Enter")
    assert download.value.suggested_filename == "bison.csv"

    tab_to(visit, "#samples [data-sample=red_panda]")
    visit.keyboard.press("Enter")
    expect(visit.get_by_role("meter", name="red panda")).to_be_visible()
    tab_to(visit, "#languages [data-lang=zh]")
    visit.keyboard.press("Enter")
    expect(visit.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(visit.get_by_role("meter", name="小熊猫")).to_be_visible()


def test_a_photo_is_taken_by_keyboard(moment: Callable[..., Page]) -> None:
    page = moment("empty")
    tab_to(page, "#camera-open")
    page.keyboard.press("Enter")
    expect(page.locator("#camera video")).not_to_have_js_property("currentTime", 0)
    tab_to(page, "#shoot")
    page.keyboard.press("Enter")
    assert best(page)


@pytest.mark.parametrize("name", MOMENTS)
def test_every_control_is_reached_by_tab(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    reached = {one["number"] for one in tab_stops(page)}
    assert [said for said, number in ask(page, "controls") if number not in reached] == []


@pytest.mark.parametrize(
    "name",
    [
        *("empty", "refused", "settings", "menu", "details", "camera"),
        *("crop", "compare", "why", "code", "share", "recent"),
    ],
)
def test_what_has_the_focus_is_never_hidden(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    for window, (width, height) in WINDOWS.items():
        page.set_viewport_size({"width": width, "height": height})
        assert [one["name"] for one in tab_stops(page) if one["number"] and not one["seen"]] == [], window


def click(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).click()


def enter(selector: str) -> Callable[[Page], None]:
    return lambda page: page.locator(selector).press("Enter")


def select_first(page: Page) -> None:
    page.locator("#compare-second").select_option(index=0)


ACTS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "a sample": ("empty", click("#samples [data-sample=koala]")),
    "another sample": ("result", click("#samples [data-sample=koala]")),
    "another sample by keyboard": ("result", enter("#samples [data-sample=koala]")),
    "a file": ("result", lambda page: upload(page, BISON)),
    "a file that is refused": ("result", lambda page: upload(page, TEXT)),
    "another try": ("unanswered", enter("#retry")),
    "another language": ("result", enter("#languages [data-lang=zh]")),
    "settings closed": ("settings", lambda page: page.keyboard.press("Escape")),
    "settings closed by their button": ("settings", enter("#settings-open")),
    "the menu closed": ("menu", lambda page: page.keyboard.press("Escape")),
    "a download": ("menu", enter("#download-json")),
    "the camera closed": ("camera", enter("#camera-close")),
    "a photo": ("camera", enter("#shoot")),
    "a part": ("crop", enter("#crop-box")),
    "a part by its button": ("crop", enter("#crop-take")),
    "a class of the map": ("why", lambda page: page.locator("#bars input").nth(1).check()),
    "no map any more": ("why", enter("#why-open")),
    "another model beside it": ("compare", select_first),
    "a program in another language": ("code", enter("[data-code=curl]")),
    "a copy": ("share", enter("#share-copy")),
    "a recent result": ("recent", enter(".recent-one")),
    "recent results removed": ("recent", enter("#recent-clear")),
}


@pytest.mark.parametrize("act", ACTS)
def test_the_focus_never_gets_lost(moment: Callable[..., Page], act: str) -> None:
    """A screen reader would begin at the top again, and so would Tab."""
    name, do = ACTS[act]
    page = moment(name)
    page.unroute_all()
    if not ask(page, "focus")["number"]:
        page.locator("#choose").focus()
    do(page)
    expect(page.locator("#page")).not_to_have_attribute("data-state", "busy")
    page.evaluate(DRAWN)
    assert ask(page, "focus")["number"], "nothing has the focus"


@pytest.mark.parametrize(
    ("name", "panel", "button"),
    [
        ("settings", "#settings", "#settings-open"),
        ("menu", "#downloads", "#download"),
        ("crop", "#crop", "#crop-open"),
        ("compare", "#compare", "#compare-open"),
        ("camera", "#camera", "#camera-open"),
        ("code", "#code", "#code-open"),
        ("share", "#share", "#share-open"),
        ("recent", "#recent", "#recent-open"),
    ],
)
def test_escape_closes_and_gives_the_focus_back(
    moment: Callable[..., Page], name: str, panel: str, button: str
) -> None:
    page = moment(name)
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(panel)).to_be_hidden()
    expect(page.locator(button)).to_be_focused()
