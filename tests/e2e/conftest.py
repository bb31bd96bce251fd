"""The server for the browser tests, and the page as a visitor finds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from classifier.languages import languages
from tests.support.moments import MOMENTS
from tests.support.steps import opened

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here drive a browser."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> str:
    """The address of a server, ready: of the plain one, or of that which `--server` names."""
    return str(request.config.getoption("--server") or request.getfixturevalue("plain_server"))


@pytest.fixture(scope="session")
def english(browser: Browser) -> Iterator[BrowserContext]:
    """An English browser on a laptop. One for all: what it has in its cache, the next test need not load."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def blank(english: BrowserContext) -> Iterator[Page]:
    """An empty tab."""
    page = english.new_page()
    yield page
    page.close()


@pytest.fixture
def visit(blank: Page, server: str) -> Page:
    """The page, ready for use, in a visit of its own."""
    return opened(blank, server)


@pytest.fixture(scope="session")
def speakers(browser: Browser) -> Iterator[dict[str, BrowserContext]]:
    """A browser for each language, by its code, with a camera, of somebody who asked for less motion."""
    contexts = {
        code: browser.new_context(
            locale=language.html,
            permissions=["camera"],
            reduced_motion="reduce",
            viewport={"width": 1280, "height": 800},
        )
        for code, language in languages().items()
    }
    yield contexts
    for one in contexts.values():
        one.close()


@pytest.fixture
def moment(speakers: dict[str, BrowserContext], server: str) -> Iterator[Callable[..., Page]]:
    """Brings a new visit to one of the moments by its name, in the language with this code."""
    pages: list[Page] = []

    def come(name: str, code: str = "en", width: int = 1280, height: int = 800) -> Page:
        page = speakers[code].new_page()
        pages.append(page)
        page.set_viewport_size({"width": width, "height": height})
        MOMENTS[name](opened(page, server))
        return page

    yield come
    for page in pages:
        page.unroute_all(behavior="ignoreErrors")  # what a moment holds back is never answered
        page.close()
