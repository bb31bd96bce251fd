"""What a visitor sees before Streamlit's scripts have come: the first view, whose place the page takes unmoved."""

from __future__ import annotations

import gzip
import urllib.request
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.steps import best, idle, opened

PAIRS = {
    ".shell-brand img": ".brand img",
    ".shell-headline": "h1",
    ".shell-box": "[data-testid=stFileUploaderDropzone]",
    ".shell-title": "[data-testid=stMain] h2",
    ".shell-tiles": ".st-key-gallery",
    ".shell-tiles > :last-child": ".st-key-gallery > :last-child button",
}
PLACES = """(selectors) => selectors.map((selector) => {
    const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
    return [x, y, width, height];
})"""
SHIFTS = """window.shift = 0; new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1280, 900), (800, 900), (390, 844)], ids=str)
def test_the_shell_lies_where_the_page_will(
    browser: Browser, server: str, size: tuple[int, int], language: str
) -> None:
    context = browser.new_context(locale=language, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    held: list[Route] = []
    page.route("**/static/js/index.*.js", lambda route: held.append(route))
    page.goto(server, wait_until="commit")
    expect(page.locator("#shell")).to_be_visible()
    before = page.evaluate(PLACES, list(PAIRS))
    words = page.locator(".shell-headline").inner_text(), page.locator(".shell-tiles span").all_inner_texts()
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(page.locator("#shell")).to_have_count(0)
    idle(page)
    after = page.evaluate(PLACES, list(PAIRS.values()))
    for name, place, later in zip(PAIRS, before, after, strict=True):
        assert place == pytest.approx(later, abs=1), name
    assert words == (page.locator("h1").inner_text(), page.locator(".st-key-gallery button").all_inner_texts())
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_on_the_first_visit(browser: Browser, server: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.add_init_script(SHIFTS)
    opened(page, server)
    assert page.evaluate("window.shift") <= 0.05
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_shell_has_the_pages_colours(browser: Browser, server: str, scheme: Literal["light", "dark"]) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    colour = "(selector) => getComputedStyle(document.querySelector(selector)).backgroundColor"
    held: list[Route] = []
    page.route("**/static/js/index.*.js", lambda route: held.append(route))
    page.goto(server, wait_until="commit")
    expect(page.locator("#shell")).to_be_visible()
    before = page.evaluate(colour, "html"), page.evaluate(colour, ".shell-box")
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(page.locator("#shell")).to_have_count(0)
    expect(page.get_by_test_id("stFileUploaderDropzone")).to_be_visible()
    assert before == (page.evaluate(colour, ".stApp"), page.evaluate(colour, "[data-testid=stFileUploaderDropzone]"))
    context.close()


def test_an_error_of_the_page_takes_the_place_of_the_shell(blank: Page, server: str) -> None:
    """Then the page stands, although it has no gallery, or not all of it."""
    blank.route("**/static/js/index.*.js", lambda route: route.abort())
    blank.goto(server)
    expect(blank.locator("#shell")).to_be_visible()
    blank.evaluate("""document.getElementById("root").innerHTML =
        '<div data-testid="stMain"><div data-testid="stAlert">Sorry.</div></div>'""")
    expect(blank.locator("#shell")).to_have_count(0)
    expect(blank.get_by_text("Sorry.")).to_be_visible()


def test_without_scripts_there_is_the_sentence_alone(server: str) -> None:
    with urllib.request.urlopen(server) as response:
        body = response.read().decode().partition("<body>")[2]
    hidden, _, rest = body.partition("</noscript>")
    assert hidden.endswith("<noscript><style>#shell{display:none}</style>")
    assert "This page needs JavaScript." in rest.partition("<noscript>")[2].partition("</noscript>")[0]


def test_after_a_reload_with_a_sample_the_page_is_the_first_view_again(visit: Page) -> None:
    visit.get_by_role("button", name="Red panda").click()
    best(visit)
    visit.reload()
    expect(visit.locator("#shell")).to_have_count(0)
    expect(visit.locator("h1")).to_be_visible()


def test_letters_that_the_small_font_lacks_come_from_the_whole_one(page: Page, server: str) -> None:
    page.goto(server)
    idle(page)
    whole = "performance.getEntriesByType('resource').filter((one) => one.name.includes('woff2?whole')).length"
    assert page.evaluate(whole) == 0
    assert page.evaluate("""document.fonts.load("16px 'Source Sans'", "\u0416").then((faces) => faces.length)""") >= 1
    assert page.evaluate(whole) == 1


@pytest.mark.parametrize("coding", ["gzip", "gzip;q=0"])
def test_the_frame_is_sent_compressed(server: str, coding: str) -> None:
    request = urllib.request.Request(server, headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request) as response:
        content, headers = response.read(), response.headers
    assert headers["Vary"] == "Accept-Language, Accept-Encoding"
    assert headers["Content-Encoding"] == ("gzip" if coding == "gzip" else None)
    html = (gzip.decompress(content) if coding == "gzip" else content).decode()
    assert html.index('id="shell"') < html.index('rel="stylesheet"')
