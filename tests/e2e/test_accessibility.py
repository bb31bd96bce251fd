"""axe-core finds nothing wrong at any moment of a visit, however the page is looked at.

What no program can find is in the tests of the keyboard, of what is announced, of zoom and of contrast beside this
file; docs/accessibility.md lists them all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from classifier.languages import languages
from tests.support.axe import findings
from tests.support.controls import ask
from tests.support.moments import MOMENTS, recoloured, speaking

LOOKS = (("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390))
"""Colour schemes, and widths of the window in pixels."""


@pytest.mark.parametrize("name", MOMENTS)
def test_axe_finds_nothing_and_nothing_moves_at_any_moment(moment: Callable[..., Page], name: str) -> None:
    page = moment(name)
    assert ask(page, "moving") == [], "a visitor asked for less motion"
    for code in languages():
        speaking(page, code)
        # Other words make lines longer or shorter; colours they do not change.
        for scheme, width in LOOKS if code == "en" else LOOKS[:2]:
            page.set_viewport_size({"width": width, "height": 844})
            recoloured(page, scheme)
            assert findings(page) == [], f"{code}, {scheme}, {width} pixels wide"


def test_what_is_wrong_is_found(visit: Page) -> None:
    visit.evaluate("document.querySelector(`#page main`).append(document.createElement('button'))")
    (fault,) = [one for one in findings(visit) if one.startswith("button-name")]
    assert "<button></button>" in fault


def test_a_target_that_is_too_small_is_found(visit: Page) -> None:
    small = "<button style='width: 14px; height: 14px; min-height: 0; padding: 0; border: 0'>x</button>"
    visit.evaluate(f"document.querySelector(`#page main`).insertAdjacentHTML('beforeend', `<div>{small}{small}</div>`)")
    assert [one for one in findings(visit) if one.startswith("target-size")]
    assert ask(visit, "small")
