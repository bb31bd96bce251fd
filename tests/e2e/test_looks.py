"""How the page looks and reads: narrow screens, dark theme, screen readers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.steps import best, opened, sample, settings, until, upload

OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(params=["light", "dark"])
def themed(request: pytest.FixtureRequest, browser: Browser, server: str) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, locale="en-US")
    yield opened(context.new_page(), server)
    context.close()


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def test_nothing_keeps_a_screen_reader_out(themed: Page) -> None:
    assert serious(themed) == []
    themed.get_by_role("button", name="Red panda").click()
    best(themed)
    settings(themed)
    themed.get_by_role("button", name="Download").click()
    themed.get_by_text("Details", exact=True).click()
    themed.get_by_text("Photo credits").click()
    expect(themed.locator("#credits li").first).to_be_visible()
    # Bars grow and panels unfold: what is half there has no colours to judge yet.
    until(themed, "document.getAnimations().every((one) => one.playState !== 'running')")
    assert serious(themed) == []


def test_not_sure_and_errors_can_be_read(themed: Page) -> None:
    upload(themed, photo("cat.webp"))
    best(themed)
    assert serious(themed) == []
    upload(themed, {"name": "x.png", "mimeType": "image/png", "buffer": b"text"})
    expect(themed.get_by_role("alert").filter(has_text="not a picture")).to_be_visible()
    assert serious(themed) == []


def test_the_theme_follows_the_system(themed: Page) -> None:
    scheme = themed.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    colour = themed.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", colour)[:3]))
    assert brightness < 150 if scheme else brightness > 700


def test_bars_have_names_and_values(visit: Page) -> None:
    upload(visit, photo("bison.webp"))
    best(visit)
    meters = visit.get_by_role("meter")
    expect(meters).to_have_count(5)
    for meter in meters.all():
        row = meter.locator("..")
        expect(meter).to_have_accessible_name(row.locator(".label").text_content() or "")
        shown = row.locator(".percent").inner_text()
        expect(meter).to_have_attribute("aria-valuetext", shown)
        expect(meter).to_have_attribute("aria-valuenow", re.compile(r"^\d+\.\d$"))


def test_a_click_in_the_gallery_leads_up_to_the_result_on_a_phone(browser: Browser, server: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="en-US")
    page = opened(context.new_page(), server)
    for name, label in (("red_panda", "red panda"), ("koala", "koala")):
        sample(page, name)
        expect(page.get_by_role("meter", name=label)).to_be_in_viewport()
    context.close()


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_a_narrow_screen_never_scrolls_sideways(browser: Browser, server: str, locale: str) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale=locale, has_touch=True, is_mobile=True)
    page = opened(context.new_page(), server)
    assert page.evaluate(OVERFLOW) <= 0
    sample(page, "coffee")
    best(page)
    page.locator("#details summary").click()
    expect(page.locator("#details dl")).to_be_visible()
    settings(page)
    assert page.evaluate(OVERFLOW) <= 0
    sliders = page.get_by_role("slider")
    expect(sliders).to_have_count(2)
    for slider in sliders.all():
        expect(slider).to_be_visible()
    context.close()


def test_bars_do_not_move_for_those_who_asked_for_less_motion(visit: Page) -> None:
    upload(visit, photo("bison.webp"))
    best(visit)
    bar = visit.locator(".fill").first
    for wish, animation in (("no-preference", "grow"), ("reduce", "none")):
        visit.emulate_media(reduced_motion=wish)  # type: ignore[arg-type]
        expect(bar).to_have_css("animation-name", animation)
