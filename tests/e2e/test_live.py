"""The camera's picture is classified again and again, newest frame only, and only while somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.support.moments import CLASSIFY
from tests.support.server import running
from tests.support.steps import CAMERAS, best, opened, until

# What is sent: browsers do not tell what is in the files of a request.
FRAMES = """window.sizes = []; window.underWay = window.mostAtOnce = 0;
const send = window.fetch;
window.fetch = async (address, options) => {
    if (!String(address).startsWith("page/classify")) return send(address, options);
    window.underWay += 1;
    window.mostAtOnce = Math.max(window.mostAtOnce, window.underWay);
    const { width, height } = await createImageBitmap(options.body);
    window.sizes.push([width, height]);
    return send(address, options).finally(() => { window.underWay -= 1; });
};"""
OFF = "window.cameras.every((one) => one.readyState === 'ended')"
SEEN = """(is) => {
    Object.defineProperty(document, "visibilityState", { value: is, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture(scope="module")
def filming(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-US", permissions=["camera"])
    context.add_init_script(CAMERAS)
    context.add_init_script(FRAMES)
    yield context
    context.close()


@pytest.fixture
def filmed(filming: BrowserContext, server: str) -> Iterator[Page]:
    page = opened(filming.new_page(), server)
    yield page
    page.close()


def answered(page: Page) -> None:
    expect(page.locator("#live-note")).to_contain_text("answers a second")
    expect(page.locator("#live-bars").get_by_role("meter").first).to_be_visible()


def test_frames_are_as_small_as_the_model_needs_and_one_at_a_time_and_the_present_one_becomes_a_picture(
    filmed: Page,
) -> None:
    filmed.locator("#ways [data-opens=live]").click()
    answered(filmed)
    assert filmed.evaluate("window.mostAtOnce") == 1
    assert filmed.evaluate("window.sizes[0]") == [399, 299]
    expect(filmed.locator("#live-pause")).to_be_focused()
    expect(filmed.locator("#live-view video")).to_have_class("mirrored")
    expect(filmed.locator("#status")).to_contain_text("%")

    filmed.locator("#live-shoot").click()
    assert best(filmed)
    expect(filmed.get_by_role("img", name="Your picture, photo.jpg")).to_have_js_property("naturalHeight", 480)
    assert filmed.evaluate(OFF)
    filmed.evaluate("history.back()")
    expect(filmed.locator("#live-start")).to_be_visible()
    assert filmed.evaluate("window.asked") == 1


def test_it_rests_while_nobody_looks_and_goes_on_when_somebody_does(filmed: Page) -> None:
    filmed.clock.install()
    filmed.locator("#ways [data-opens=live]").click()
    answered(filmed)
    filmed.evaluate(SEEN, "hidden")
    assert filmed.evaluate(OFF)
    filmed.evaluate(SEEN, "visible")
    answered(filmed)
    assert filmed.evaluate("window.asked") == 2
    filmed.clock.fast_forward("06:00")
    expect(filmed.locator("#live-note")).to_contain_text("Paused")
    assert filmed.evaluate(OFF)
    filmed.locator("#live-start").click()
    answered(filmed)
    filmed.locator("#back").click()
    assert filmed.evaluate(OFF)
    expect(filmed.locator("[data-opens=live]:visible")).to_be_focused()


def test_a_link_does_not_open_the_camera_and_a_busy_server_is_asked_again(filming: BrowserContext, server: str) -> None:
    page = opened(filming.new_page(), f"{server}?mode=live")
    expect(page.locator("#live-start")).to_be_visible()
    assert page.evaluate("window.asked") == 0
    busy: dict[str, Any] = {"status": 503, "headers": {"Retry-After": "1"}, "json": {"texts": {"en": "Busy."}}}
    page.route(CLASSIFY, lambda route: route.fulfill(**busy), times=1)
    page.locator("#live-start").click()
    expect(page.locator("#live-note")).to_contain_text("has much to do")
    answered(page)
    page.close()


@pytest.mark.parametrize(
    ("error", "words"), [("NotAllowedError", "does not let the page"), ("NotFoundError", "No camera was found")]
)
def test_without_a_camera_it_says_what_to_do(visit: Page, error: str, words: str) -> None:
    visit.evaluate(
        f"""() => {{ navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", "{error}")); }}"""
    )
    visit.locator("#ways [data-opens=live]").click()
    expect(visit.get_by_role("alert").filter(has_text=words)).to_be_visible()
    expect(visit.locator("#live-start")).to_be_visible()


def test_another_camera_is_a_click_away(filmed: Page) -> None:
    filmed.evaluate(
        """() => { navigator.mediaDevices.enumerateDevices = async () =>
            ["", "second"].map((deviceId) => ({ kind: "videoinput", deviceId })); }"""
    )
    filmed.locator("#ways [data-opens=live]").click()
    answered(filmed)
    expect(filmed.locator("#live-switch")).to_be_visible()
    filmed.locator("#live-switch").click()
    until(filmed, "window.asked === 2")


def test_many_can_be_switched_off(english: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = {"CLASSIFIER_PAGE_WITHOUT": "many", "CLASSIFIER_MODEL": "efficientnet-lite0"}
    with running(tmp_path_factory.mktemp("without") / "log.txt", environment) as address:
        page = opened(english.new_page(), f"{address}?mode=many")
        expect(page.locator("#many")).to_be_hidden()
        expect(page.locator("#ways [data-opens=many]")).to_be_hidden()
        expect(page.locator("#ways [data-opens=live]")).to_be_visible()
        page.close()
