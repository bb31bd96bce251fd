"""The page as an app: a browser takes its manifest, and what is shared to it is looked at and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.photos import photo
from tests.support.server import started
from tests.support.steps import best, opened, ready, until

BISON = photo("bison.webp")
# As an app that was installed: a page in a window of its own.
INSTALLED = """const match = window.matchMedia.bind(window);
window.matchMedia = (query) => (query.includes("standalone") ? { matches: true } : match(query));"""
FORM = """() => {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action: "share", enctype: "multipart/form-data" });
    form.innerHTML = "<input id=shared type=file name=picture><button id=send>x</button>";
    document.body.replaceChildren(form);
}"""
"""A form that sends what a phone sends when somebody shares a picture to the app."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server under a path, where every address must be relative."""
    log = tmp_path_factory.mktemp("install") / "log.txt"
    with started(log, {"CLASSIFIER_BASE_PATH": "demo"}, launcher=True) as (_, address):
        yield address


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of its own."""
    context = browser.new_context(locale="en-US")
    yield context
    context.close()


def share(page: Page, file: Path) -> None:
    """Shares a file to the app."""
    page.evaluate(FORM)
    page.locator("#shared").set_input_files(file)
    page.locator("#send").click()
    ready(page)


def test_what_is_shared_to_the_installed_page_is_looked_at_and_not_kept(context: BrowserContext, server: str) -> None:
    context.add_init_script(INSTALLED)
    posted: list[str] = []
    context.on(
        "request", lambda one: posted.append(one.url) if one.method == "POST" and not one.service_worker else None
    )
    page = opened(context.new_page(), server)
    expect(page.locator("#install")).to_be_hidden()
    until(page, "navigator.serviceWorker.ready.then(({ active }) => active.state === 'activated')")
    assert page.evaluate("navigator.serviceWorker.ready.then(({ scope }) => scope)") == f"{server}/"
    share(page, BISON)
    assert best(page) == "bison"
    expect(page.get_by_role("img", name="Your picture, bison.webp")).to_be_visible()
    assert page.url == f"{server}/"
    assert page.evaluate("caches.keys()") == []
    page.reload()
    ready(page)
    expect(page.locator("#page")).to_have_attribute("data-state", "empty")
    # What is no file, and what somebody writes into the address.
    page.evaluate(FORM)
    page.locator("#send").click()
    ready(page)
    expect(page.locator("#shared-problem")).to_contain_text("did not get here")
    page.goto(f"{server}/?shared=1")
    ready(page)
    expect(page.locator("#shared-problem")).to_be_visible()
    page.locator("[data-sample=koala]").click()
    expect(page.locator("#shared-problem")).to_be_hidden()


def test_without_the_worker_nothing_of_it_is_read_and_the_page_says_what_to_do(
    context: BrowserContext, server: str, tmp_path: Path
) -> None:
    large = tmp_path / "large.jpg"
    large.write_bytes(bytes(15_000_000))
    page = opened(context.new_page(), server)
    assert page.evaluate("navigator.serviceWorker.getRegistrations().then((all) => all.length)") == 0
    share(page, large)
    expect(page.get_by_role("alert").filter(has_text="The shared picture did not get here")).to_be_visible()
    assert page.url == f"{server}/"
    assert page.request.get(f"{server}/healthz").ok


def test_the_browser_takes_the_manifest(context: BrowserContext, server: str) -> None:
    page = opened(context.new_page(), f"{server}/?lang=zh")
    found = context.new_cdp_session(page).send("Page.getAppManifest")
    assert found["errors"] == []
    assert re.fullmatch(rf"{server}/manifest\.webmanifest\?lang=zh", found["url"])
    assert '"lang":"zh-CN"' in found["data"]
    assert context.new_cdp_session(page).send("Page.getInstallabilityErrors")["installabilityErrors"] == []


def test_a_button_installs_it_where_the_browser_offers_that_and_says_how_elsewhere(
    context: BrowserContext, server: str
) -> None:
    page = opened(context.new_page(), server)
    page.locator("#install").click()
    expect(page.locator("#install-hint")).to_contain_text("Add to Home Screen")
    page.evaluate(
        """() => {
            const offer = new Event("beforeinstallprompt", { cancelable: true });
            offer.prompt = () => { window.asked = true; };
            dispatchEvent(offer);
            window.held = offer.defaultPrevented;
        }"""
    )
    page.locator("#install").click()
    assert page.evaluate("[window.held, window.asked]") == [True, True]
    page.evaluate("dispatchEvent(new Event('appinstalled'))")
    expect(page.locator("#install")).to_be_hidden()
    until(page, "navigator.serviceWorker.getRegistrations().then((all) => all.length === 1)")
