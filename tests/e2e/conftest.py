"""The server for the browser tests, and the page as a visitor finds it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.server import running
from tests.support.steps import opened

expect.set_options(timeout=15_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here drive a browser."""
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a server, ready: of one started here, or of that which `--server` names."""
    if address := request.config.getoption("--server"):
        yield address
        return
    with running(tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


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
