"""What a visitor sees and can do before Streamlit's scripts have come: all of it, and nothing moves when they do."""

from __future__ import annotations

import gzip
import urllib.request

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.photos import photo
from tests.support.steps import best, ready, sample, upload

SHIFTS = """window.shift = 0; new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({ type: "layout-shift", buffered: true });"""
PLACES = """() => ["h1", "#box", "#choose", "#samples", "#samples > :last-child", "footer"].map((selector) => {
    const { x, y, width, height } = document.querySelector(selector).getBoundingClientRect();
    return [x, y + scrollY, width, height];
})"""


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
@pytest.mark.parametrize("size", [(1280, 900), (800, 900), (390, 844)], ids=str)
def test_the_page_can_be_used_before_streamlits_scripts_and_stays_where_it_is(
    browser: Browser, server: str, size: tuple[int, int], language: str
) -> None:
    context = browser.new_context(locale=language, viewport={"width": size[0], "height": size[1]})
    page = context.new_page()
    held: list[Route] = []
    page.route("**/static/js/**", lambda route: held.append(route))
    page.goto(server, wait_until="commit")
    expect(page.locator("#page[data-ready]")).to_be_visible(timeout=60_000)
    expect(page.locator("#samples button")).to_have_count(12)
    before = page.evaluate(PLACES)
    sample(page, "koala")
    assert best(page) in {"koala", "考拉", "树袋熊"}
    upload(page, photo("bison.webp"))
    assert best(page) in {"bison", "野牛"}
    page.evaluate("history.go(-2)")  # Playwright's own way waits for the page to be loaded, which it never is here
    expect(page.locator("#page[data-state=empty]")).to_be_visible()
    page.mouse.move(1, 1)  # a sample under it is lifted a little
    for route in held:
        route.continue_()
    page.unroute_all()
    ready(page)
    assert page.evaluate(PLACES) == [pytest.approx(place, abs=1) for place in before]
    context.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_moves_on_the_first_visit(browser: Browser, server: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 844})
    page = context.new_page()
    page.add_init_script(SHIFTS)
    page.goto(server)
    ready(page)
    page.wait_for_timeout(500)
    assert page.evaluate("window.shift") < 0.05
    context.close()


def test_without_scripts_there_is_the_sentence_alone(server: str) -> None:
    with urllib.request.urlopen(server) as response:
        body = response.read().decode().partition("<body>")[2]
    assert "<noscript><style>#page{display:none}</style></noscript>" in body
    assert "This page needs JavaScript." in body.rpartition("<noscript>")[2].partition("</noscript>")[0]


def test_letters_that_the_small_font_lacks_come_from_the_whole_one(page: Page, server: str) -> None:
    page.goto(server)
    ready(page)
    whole = "performance.getEntriesByType('resource').filter((one) => one.name.includes('woff2?whole')).length"
    assert page.evaluate(whole) == 0
    assert page.evaluate("""document.fonts.load("16px Page", "\u0416").then((faces) => faces.length)""") >= 1
    assert page.evaluate(whole) == 1


@pytest.mark.parametrize("coding", ["gzip", "gzip;q=0"])
def test_the_frame_is_sent_compressed(server: str, coding: str) -> None:
    request = urllib.request.Request(server, headers={"Accept-Encoding": coding})
    with urllib.request.urlopen(request) as response:
        content, headers = response.read(), response.headers
    assert headers["Vary"] == "Accept-Language, Accept-Encoding"
    assert headers["Content-Encoding"] == ("gzip" if coding == "gzip" else None)
    html = (gzip.decompress(content) if coding == "gzip" else content).decode()
    assert html.index('id="page"') < html.index('rel="stylesheet"')
