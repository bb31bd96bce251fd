"""Whoever hears the page: what changes is said, once, in the language of the page, by what was there before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from classifier.languages import languages
from tests.support.moments import CLASSIFY, refused, result, unanswered, unsure
from tests.support.photos import photo
from tests.support.steps import best, upload

# Screen readers say what changes in a region that they know; a region that is new, with its words in it, they may miss.
LISTEN = """() => {
    window.region = document.querySelector("[role=status]");
    window.heard = [];
    new MutationObserver(() => {
        const text = region.textContent.trim();
        if (text && text !== heard.at(-1)) heard.push(text);
    }).observe(region, { childList: true, characterData: true, subtree: true });
}"""


def listening(page: Page) -> Page:
    page.evaluate(LISTEN)
    return page


def heard(page: Page) -> list[str]:
    """All that has been said, if it was by a region that is still there."""
    assert page.evaluate("window.region.isConnected"), "the region of announcements was replaced"
    return list(page.evaluate("window.heard"))


def answer(page: Page) -> str:
    """The first bar, as it is to be said."""
    bar = page.locator("#bars .bar").first
    return f"{bar.locator('.label').inner_text()}, {bar.locator('.percent').inner_text()}"


def says(page: Page, text: str) -> None:
    expect(page.locator("[role=status]").filter(has_text=text)).to_be_attached()


def test_the_answer_is_said_and_nothing_of_the_one_before(visit: Page) -> None:
    listening(visit)
    result(visit)
    first = answer(visit)
    assert first.lower().startswith("red panda, ")
    says(visit, first)
    upload(visit, photo("bison.webp"))
    assert best(visit) == "bison"
    says(visit, answer(visit))
    said = heard(visit)
    assert said.count(first) == 1
    assert said[-1] == answer(visit)


def test_while_a_picture_is_looked_at_no_old_answer_is_there_to_be_read(visit: Page) -> None:
    result(visit)
    first = answer(visit)
    visit.route(CLASSIFY, lambda _: None)
    upload(visit, photo("bison.webp"))
    expect(visit.locator("#bars")).to_have_attribute("aria-busy", "true")
    expect(visit.get_by_role("meter")).to_have_count(0)
    expect(visit.locator("[role=status]").filter(has_text=first)).to_have_count(0)


@pytest.mark.parametrize("code", languages())
def test_what_is_not_sure_is_said_to_be_so(moment: Callable[..., Page], code: str) -> None:
    page = listening(moment("empty", code))
    unsure(page)
    doubt = page.locator("#doubt").inner_text()
    opening = doubt.split("." if code != "zh" else "。")[0]
    assert opening in heard(page)[-1]


@pytest.mark.parametrize("come", [refused, unanswered])
def test_what_went_wrong_is_said_at_once(visit: Page, come: Callable[[Page], None]) -> None:
    come(visit)
    alert = visit.get_by_role("alert").filter(has_text=" ")
    expect(alert).to_have_count(1)
    expect(alert).to_be_visible()


def test_an_error_is_gone_with_its_picture(visit: Page) -> None:
    refused(visit)
    result(visit)
    expect(visit.get_by_role("alert").filter(has_text=" ")).to_have_count(0)


@pytest.mark.parametrize("code", languages())
def test_a_label_is_in_the_language_that_it_says(moment: Callable[..., Page], code: str) -> None:
    """The models have labels in English and Chinese, and none in Spanish: a voice for Spanish would spoil them."""
    page = moment("result", code)
    expect(page.locator("html")).to_have_attribute("lang", languages()[code].html)
    label = page.locator("#bars .label").first
    english = label.inner_text().lower() == "red panda"
    assert english == (code != "zh")
    spoken = label.evaluate("(one) => one.closest('[lang]').lang")
    assert spoken == ("en" if english else languages()[code].html)
