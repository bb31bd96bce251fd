"""Every word on the page is ours, and in the language of the visit: nothing of Streamlit is seen or read aloud."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from classifier.languages import languages
from tests.support.controls import ask
from tests.support.moments import MOMENTS, speaking

OTHERS = [code for code in languages() if code != "en"]


def foreign(code: str) -> set[str]:
    """English texts that are other words in this language."""
    english, other = languages()["en"], languages()[code]
    return {
        text
        for name in ("page", "parts", "samples")
        for key, text in english.tables[name].items()
        if "{" not in text and text not in other.tables[name].values()
    }


def assert_speaks(page: Page, code: str) -> None:
    words = set(ask(page, "words"))
    assert languages()[code].text("page", "name") in words
    assert words & foreign(code) == set()


@pytest.mark.parametrize("name", MOMENTS)
def test_every_word_is_ours_and_follows_the_language(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    assert ask(page, "outside") == [], "something of Streamlit's is seen or read aloud"
    for code in OTHERS:
        assert_speaks(speaking(page, code), code)


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("name", ["empty", "details", "many"])
def test_no_word_of_english_is_left_in_a_visit_that_began_in_another_language(
    moment: Callable[..., Page], name: str, code: str
) -> None:
    assert_speaks(moment(name, code), code)
