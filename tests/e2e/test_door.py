"""No page under the name of another site reaches the server."""

from __future__ import annotations

from playwright.sync_api import BrowserType

from benchmarks.browser import browser_arguments


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
    sent = "fetch('/page/classify?sample=koala', { method: 'POST' }).then((answer) => answer.status)"
    assert page.evaluate(sent) == 400
    tried = """new Promise((done) => {
        const socket = new WebSocket("/_stcore/stream", "streamlit");
        socket.onopen = () => done("open");
        socket.onerror = () => done("refused");
    })"""
    assert page.evaluate(tried) == "refused"
    page.goto(f"http://localhost:{port}/healthz")
    assert page.evaluate(asked) == 200
    browser.close()
