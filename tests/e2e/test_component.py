"""The page is a component of Streamlit's: owners draw around it, and their scripts hear what visitors look at."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.server import serving
from classifier.checkout import ROOT
from tests.support.steps import best, opened, ready, sample

ENTRY = (ROOT / "streamlit_app.py").read_text("utf-8")
OWN = """
import streamlit as st

from web.models import models
from web.page.component import page
from web.page.offer import offer

models().start()
looked_at = page(offer(), listens=True)
if looked_at:
    best = looked_at["predictions"][0]
    st.subheader(f"{best['label']} of {looked_at['model']}: {best['score']:.2f}, {looked_at['name']}")
st.checkbox("Mine")
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server whose owner has a script of their own."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "page.py").write_text(OWN)
    entry = folder / "streamlit_app.py"
    script = 'Path(__file__).resolve().parent / "web" / "page" / "main.py"'
    assert script in ENTRY
    entry.write_text(ENTRY.replace(script, repr(str(folder / "page.py"))))
    command = [sys.executable, "-m", "streamlit", "run", str(entry), "--server.port", "0", "--server.headless", "true"]
    with serving(folder / "log.txt", command) as (_, address):
        yield address


def test_the_page_becomes_a_component_of_streamlits(visit: Page) -> None:
    within = visit.locator('[data-testid="stApp"] .stBidiComponent #page')
    expect(within).to_be_visible()
    sample(visit, "koala")
    assert best(visit) == "koala"
    seen = """[...document.querySelectorAll("#root *")]
        .filter((one) => one.checkVisibility() && !one.closest("#page") && one.getBoundingClientRect().height > 0)
        .map((one) => one.dataset.testid ?? one.tagName)"""
    assert visit.evaluate(seen) == []


def test_what_has_the_focus_keeps_it_when_streamlit_comes(page: Page, server: str) -> None:
    coming = threading.Event()
    held: list[Route] = []
    page.route("**/static/js/**", lambda route: route.continue_() if coming.is_set() else held.append(route))
    page.goto(server, wait_until="commit")
    expect(page.locator("#page[data-ready]")).to_be_visible(timeout=60_000)
    page.locator("#settings-open").click()
    page.locator("#k").focus()
    coming.set()
    for route in held:
        route.continue_()
    ready(page)
    expect(page.locator("#k")).to_be_focused()


def test_an_owners_script_hears_what_is_looked_at_and_draws_below_the_page(blank: Page, own: str) -> None:
    opened(blank, own)
    mine = blank.get_by_text("Mine")
    expect(mine).to_be_visible()
    for name, label in (("koala", "koala"), ("panda", "giant panda")):
        sample(blank, name)
        assert best(blank) == label
        heard = blank.get_by_role("heading", name=f"{label} of efficientnet-lite2")
        expect(heard).to_be_visible()
        under = blank.locator("#page").bounding_box()
        below = heard.bounding_box()
        assert under
        assert below
        assert below["y"] >= under["y"] + under["height"] - 1
        assert below["x"] >= under["x"]
    mine.click()
    expect(blank.get_by_role("checkbox", name="Mine")).to_be_checked()
    assert best(blank) == "giant panda"
