"""What a visitor shares: a link to a sample, the answer for any other picture, a frame where the owner allows one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.photos import photo
from tests.support.server import running
from tests.support.steps import best, opened, sample, upload

BISON = photo("bison.webp")
SITE = "https://www.example.org"
# A device that shares whatever it is given, or refuses.
DEVICE = """window.refusal = null;
navigator.share = async ({ files, ...rest }) => {
    if (window.refusal) throw new DOMException("", window.refusal);
    window.shared = { ...rest, files: (files ?? []).map(({ name }) => name) };
};
navigator.canShare = ({ files }) => files.every(({ type }) => type.startsWith("image/"));"""


@pytest.fixture
def phone(browser: Browser, server: str) -> Iterator[Page]:
    """A page on a device with a way of its own to share."""
    context = browser.new_context(locale="en-US", permissions=["clipboard-read", "clipboard-write"])
    context.add_init_script(DEVICE)
    yield opened(context.new_page(), server)
    context.close()


def test_a_samples_link_opens_it_again_as_it_is(phone: Page, server: str) -> None:
    opened(phone, f"{server}/?model=cifar10&view=whole&k=3&lang=zh&min=1")
    sample(phone, "koala")
    best(phone)
    phone.locator("#share-open").click()
    text = phone.locator("#share-text")
    expect(text).to_contain_text("sample=koala")
    expect(phone.locator("#share-with")).to_be_hidden()
    link = text.text_content() or ""
    bars = phone.locator("#bars").inner_text()
    phone.locator("#share-go").click()
    phone.locator("#share-copy").click()
    expect(phone.locator("#share-said")).not_to_be_empty()
    assert phone.evaluate("navigator.clipboard.readText()") == link
    shared = phone.evaluate("window.shared")
    assert (shared["url"], shared["files"]) == (link, [])
    other = opened(phone.context.new_page(), link)
    best(other)
    assert other.locator("#bars").inner_text() == bars
    expect(other.locator("#page")).to_have_attribute("data-picture", "sample:koala")


def test_of_an_own_picture_the_answer_is_shared_and_the_picture_only_if_the_visitor_wants_that(phone: Page) -> None:
    upload(phone, BISON)
    best(phone)
    phone.locator("#share-open").click()
    expect(phone.locator("#share-what")).to_contain_text("no link can carry it")
    percent = phone.locator("#bars .percent").first.text_content()
    expect(phone.locator("#share-text")).to_contain_text(f"bison, {percent}")
    assert "sample=" not in (phone.locator("#share-text").text_content() or "")
    for chosen, files in ((False, []), (True, ["bison.webp"])):
        phone.locator("#share-picture").set_checked(chosen)
        phone.locator("#share-go").click()
        assert phone.evaluate("window.shared.files") == files
        assert percent in phone.evaluate("window.shared.text")
    upload(phone, photo("panda.webp"))  # a choice is made for one picture
    best(phone)
    expect(phone.locator("#share-picture")).not_to_be_checked()
    expect(phone.locator("#share-text")).not_to_contain_text("bison")


def test_what_the_device_refuses_is_said_and_what_the_visitor_calls_off_is_not(phone: Page) -> None:
    sample(phone, "koala")
    best(phone)
    phone.locator("#share-open").click()
    for refusal, words in (("AbortError", ""), ("NotAllowedError", "It could not be shared in this way.")):
        phone.evaluate("(name) => { window.refusal = name }", refusal)
        phone.locator("#share-go").click()
        phone.evaluate("new Promise(requestAnimationFrame)")
        expect(phone.locator("#share-said")).to_contain_text(words)
        assert bool(phone.locator("#share-said").text_content()) is bool(words)


def test_without_such_a_way_the_link_is_copied(visit: Page) -> None:
    visit.evaluate("Object.defineProperty(navigator, 'share', { value: undefined })")
    sample(visit, "koala")
    visit.locator("#share-open").click()
    expect(visit.locator("#share-copy")).to_be_visible()
    expect(visit.locator("#share-go")).to_be_hidden()
    expect(visit.locator("#embed")).to_be_hidden()  # this server lets no site show the page
    visit.keyboard.press("Escape")
    expect(visit.locator("#share-open")).to_be_focused()
    expect(visit.locator("#share")).to_be_hidden()


@pytest.fixture(scope="module")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that a site may show in a frame."""
    settings = {"CLASSIFIER_FRAME_ANCESTORS": SITE}
    with running(tmp_path_factory.mktemp("framed") / "log.txt", settings) as address:
        yield address


def test_where_the_owner_allows_a_frame_its_html_is_shown(blank: Page, framed: str, tmp_path: Path) -> None:
    opened(blank, f"{framed}/?view=whole&sample=koala")
    blank.locator("#share-open").click()
    blank.locator("#embed > summary").click()
    expect(blank.locator("#embed-where")).to_contain_text(f"For pages of {SITE},")
    html = blank.locator("#embed-text").text_content() or ""
    assert "view=whole&amp;" in html
    (source,) = re.findall(r'src="([^"]+)"', html)
    opened(blank, unescape(source))
    expect(blank.locator("#page")).to_have_attribute("data-state", "empty")
    expect(blank.locator("input[name=view][value=whole]")).to_be_checked()
