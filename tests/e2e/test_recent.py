"""The recent results of a browser: kept once it is asked to, in the browser alone, and removed by one click."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.photos import photo
from tests.support.steps import best, opened, sample, upload

BISON = photo("bison.webp")
STORED = "Object.entries(localStorage).filter(([key]) => key.startsWith('recent')).join()"


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of its own, that keeps nothing of anybody else's."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    yield context
    context.close()


def entries(page: Page) -> list[str]:
    """What the entries say."""
    return page.locator(".recent-answer").all_text_contents()


def keeping(page: Page) -> Page:
    """Switches it on."""
    page.locator("#recent-open").click()
    page.locator("#recent-keep").check()
    return page


def test_they_are_kept_once_that_is_switched_on_and_gone_when_it_is_switched_off(
    context: BrowserContext, server: str
) -> None:
    page = opened(context.new_page(), server)
    sample(page, "koala")
    best(page)
    assert "koala" not in page.evaluate(STORED)
    keeping(page)  # begins with what is looked at
    expect(page.locator(".recent-one")).to_have_count(1)
    upload(page, BISON)
    best(page)
    expect(page.locator(".recent-one")).to_have_count(2)
    expect(page.locator(".recent-one img[src^='data:image/jpeg']")).to_have_count(2)
    assert page.locator(".recent-one img").first.evaluate("(one) => [one.naturalWidth, one.naturalHeight]") == [96, 96]
    percent = page.locator("#bars .percent").first.text_content()
    assert entries(page)[0] == f"bison, {percent}"
    expect(page.locator(".recent-one").first).to_contain_text("bison.webp · EfficientNet-Lite2 · ")

    # The next visit goes on before the part is opened.
    page = opened(context.new_page(), server)
    sample(page, "red_panda")
    best(page)
    page.locator("#recent-open").click()
    expect(page.locator(".recent-one")).to_have_count(3)
    assert [one.split(",")[0] for one in entries(page)] == ["red panda", "bison", "koala"]

    # What is no sample is not there any more: what was said of it is.
    page.locator(".recent-one").nth(1).click()
    expect(page.locator(".recent-one").nth(1)).to_have_attribute("aria-expanded", "true")
    expect(page.locator(".recent-rows li")).to_have_count(5)
    page.locator("[data-lang=zh]").click()
    expect(page.locator(".recent-rows")).to_contain_text("野牛")
    page.locator("[data-lang=en]").click()
    page.locator(".recent-one").nth(2).click()
    expect(page.locator("#page")).to_have_attribute("data-picture", "sample:koala")
    expect(page.locator(".recent-one").first).to_contain_text("koala")
    expect(page.locator(".recent-one").first).to_be_focused()

    page.locator("#recent-clear").click()
    expect(page.locator(".recent-one")).to_have_count(0)
    expect(page.locator("#recent-said")).to_have_text("All results were removed.")
    expect(page.locator("#recent-keep")).to_be_focused()
    page.locator("#recent-keep").uncheck()
    assert page.evaluate(STORED) == ""


def test_a_samples_entry_looks_at_it_by_the_model_that_it_was_looked_at_by(
    context: BrowserContext, server: str
) -> None:
    page = opened(context.new_page(), f"{server}/?model=cifar10&view=whole")
    keeping(page)
    sample(page, "koala")
    best(page)
    expect(page.locator(".recent-one")).to_have_count(1)
    page.goto(f"{server}/")
    page.locator("#recent-open").click()
    page.locator(".recent-one").click()
    expect(page).to_have_url(re.compile(r"(?=.*model=cifar10)(?=.*view=whole)(?=.*sample=koala)"))
    page.go_back()  # one step
    expect(page.locator("#page")).to_have_attribute("data-state", "empty")


def test_thirty_are_kept_and_fewer_where_there_is_no_room(context: BrowserContext, server: str) -> None:
    page = opened(context.new_page(), server)
    keeping(page)
    sample(page, "koala")
    best(page)
    expect(page.locator(".recent-one img[src^='data:']")).to_have_count(1)
    page.evaluate(
        """() => {
            const [key] = Object.keys(localStorage).filter((one) => one.startsWith("recent"));
            const [one] = JSON.parse(localStorage[key]);
            const many = Array.from({ length: 30 }, (_, number) => ({ ...one, id: `${number}` }));
            localStorage[key] = JSON.stringify(many);
        }"""
    )
    sample(page, "red_panda")
    best(page)
    expect(page.locator(".recent-one")).to_have_count(30)
    expect(page.locator(".recent-one").first).to_contain_text("red panda")
    page.evaluate(
        """() => {
            const set = Storage.prototype.setItem;
            Storage.prototype.setItem = function (key, value) {
                if (value.length > window.room) throw new DOMException("", "QuotaExceededError");
                set.call(this, key, value);
            };
            window.room = 40_000;
        }"""
    )
    sample(page, "coffee")
    best(page)
    expect(page.locator("#recent-said")).to_contain_text("no more room")
    expect(page.locator(".recent-one").first).to_contain_text("Cup of coffee")
    assert 1 < page.locator(".recent-one").count() < 30
    page.evaluate("window.room = 0")
    sample(page, "dog")
    best(page)
    expect(page.locator("#recent-said")).to_contain_text("does not let the page keep anything")
    expect(page.locator("#recent-keep")).not_to_be_checked()


def test_what_is_stored_by_something_else_does_no_harm(context: BrowserContext, server: str) -> None:
    page = opened(context.new_page(), server)
    for stored in ("{", "7", '{"a": 1}', '[null, 1, {"id": "x"}, {"id": "y", "said": null, "time": 1}]'):
        page.evaluate("(text) => localStorage.setItem(`recent results of ${location.pathname}`, text)", stored)
        page.goto(f"{server}/")
        page.locator("#recent-open").click()
        expect(page.locator("#recent-keep")).to_be_visible()
        expect(page.locator(".recent-one")).to_have_count(0)
        sample(page, "koala")
        assert best(page) == "koala"
