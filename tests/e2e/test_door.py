"""Pictures have addresses that nobody guesses, and no page under the name of another site reaches the server."""

from __future__ import annotations

from playwright.sync_api import BrowserContext, BrowserType, Page, expect

from benchmarks.browser import browser_arguments
from tests.support.photos import photo
from tests.support.steps import best, idle, opened, upload

BISON = photo("bison.webp")


def shown(page: Page) -> str:
    """The address of the picture."""
    picture = page.get_by_role("img", name="Your picture, bison.webp")
    expect(picture).to_be_visible()
    idle(page)
    return str(picture.get_attribute("src"))


def test_the_same_picture_has_an_address_of_its_own_in_each_visit(english: BrowserContext, server: str) -> None:
    pages = [opened(english.new_page(), server) for _ in range(2)]
    found = []
    for page in pages:
        upload(page, BISON)
        assert best(page) == "bison"
        found.append(shown(page))
    assert found[0] != found[1]
    pages[0].get_by_text("Settings").click()
    pages[0].get_by_role("slider").first.press("ArrowRight")
    idle(pages[0])
    assert shown(pages[0]) == found[0]  # else it would flicker
    for page in pages:
        page.close()


def test_a_page_under_a_name_of_another_site_reaches_nothing(browser_type: BrowserType, server: str) -> None:
    """A browser that was told that another site's name is this machine: DNS rebinding."""
    launch = browser_arguments()
    launch["args"] = [*launch["args"], "--host-resolver-rules=MAP evil.example 127.0.0.1"]
    browser = browser_type.launch(**launch)
    port = server.rpartition(":")[2]
    page = browser.new_page()
    answer = page.goto(f"http://evil.example:{port}/")
    assert answer
    assert answer.status == 400
    assert "CLASSIFIER_ALLOWED_HOSTS" in answer.text()
    asked = "fetch('/api/v1/info').then((answer) => answer.status)"
    assert page.evaluate(asked) == 400
    tried = """new Promise((done) => {
        const socket = new WebSocket("/_stcore/stream", "streamlit");
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    })"""
    assert page.evaluate(tried) == "refused"
    page.goto(f"http://localhost:{port}/healthz")
    assert page.evaluate(asked) == 200
    browser.close()
