"""Every word on the page is ours, and in the language of the visit: nothing of Streamlit is seen or read aloud."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from classifier.languages import languages
from tests.support.controls import ask
from tests.support.moments import MOMENTS

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


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("name", MOMENTS)
def test_no_word_of_english_is_left(moment: Callable[..., Page], name: str, code: str) -> None:
    page = moment(name, code)
    words = set(ask(page, "words"))
    assert languages()[code].text("page", "name") in words
    assert words & foreign(code) == set()


@pytest.mark.parametrize("name", MOMENTS)
def test_nothing_of_streamlits_is_seen_or_read_aloud(moment: Callable[..., Page], name: str) -> None:
    assert ask(moment(name), "outside") == []
