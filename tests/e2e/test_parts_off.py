"""What an operator has switched off is not on the page, and what it left in a browser earlier goes."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.e2e.test_install import INSTALLED
from tests.support.server import free_port, started
from tests.support.steps import best, opened, sample, until

PARTS = ("code", "share", "recent", "install")
REGISTERED = "navigator.serviceWorker.getRegistrations().then((all) => all.length === {})"


def test_parts_that_are_switched_off_leave_nothing_behind(browser: Browser, tmp_path: Path) -> None:
    port = free_port()
    context = browser.new_context(locale="en-US")
    context.add_init_script(INSTALLED)
    with started(tmp_path / "with.txt", port=port) as (_, address):
        page = opened(context.new_page(), address)
        until(page, REGISTERED.format(1))
        page.locator("#recent-open").click()
        page.locator("#recent-keep").check()
        sample(page, "koala")
        best(page)
        until(page, "Object.values(localStorage).join().includes('koala')")
        page.close()
    with started(tmp_path / "without.txt", {"CLASSIFIER_PAGE_WITHOUT": ",".join(PARTS)}, port) as (_, address):
        page = opened(context.new_page(), address)
        sample(page, "koala")
        assert best(page) == "koala"
        for part in PARTS:
            for button in page.locator(f"[data-part={part}]").all():
                expect(button).to_be_hidden()
        until(page, REGISTERED.format(0))
        assert "koala" not in page.evaluate("Object.values(localStorage).join()")
        expect(page.locator("link[rel=manifest]")).to_have_count(0)
        for path in ("manifest.webmanifest", "service-worker.js"):
            assert page.request.get(f"{address}/{path}").status == 404
        assert page.request.post(f"{address}/share").status == 404
    context.close()
