"""Our page in a frame of another site, in a browser that allows third-party cookies, or blocks them."""

from __future__ import annotations

import functools
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserType, Frame, Page, expect

from benchmarks.browser import browser_arguments
from tests.support.tls import Front, fronted

_PAGE = '<!doctype html><title>Site</title><iframe src="https://{}" allow="camera" width="1200" height="1400">'


@contextmanager
def framing_site(folder: Path, files: tuple[Path, Path], inner: str) -> Iterator[Front]:
    """A site with one page, whose frame shows the host `inner`.

    Args:
        folder: an empty one, for the page.
        files: certificate and key.
        inner: name of the host in the frame.
    """
    (folder / "index.html").write_text(_PAGE.format(inner))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with fronted(f"http://127.0.0.1:{server.server_port}", files) as front:
            yield front
        server.shutdown()


@contextmanager
def framing(
    browser_type: BrowserType,
    files: tuple[Path, Path],
    outer: Mapping[str, Front],
    inner: tuple[str, str],
    cookies: str,
    profile: Path,
) -> Iterator[tuple[Page, Front]]:
    """Opens the page of a site in a browser of its own; gives it, and what stands before the server in its frame.

    Args:
        browser_type: Playwright's.
        files: certificate and key.
        outer: the site, by its name.
        inner: name and address of the server in the frame.
        cookies: "allowed" or "blocked", those of third parties.
        profile: an empty folder for the browser.
    """
    blocked = cookies == "blocked"
    preferences = {"profile": {"cookie_controls_mode": int(blocked), "block_third_party_cookies": blocked}}
    (profile / "Default").mkdir()
    (profile / "Default/Preferences").write_text(json.dumps(preferences))
    ((site, site_front),) = outer.items()
    name, server = inner
    with fronted(server, files) as front:
        # Real names, so that the policy holds, and yet no other machine is ever asked.
        places = f"MAP {site} 127.0.0.1:{site_front.port}, MAP {name} 127.0.0.1:{front.port}, MAP * ~NOTFOUND"
        launch = browser_arguments()
        launch["args"] = [*launch["args"], f"--host-resolver-rules={places}", "--use-fake-ui-for-media-stream"]
        if "executable_path" not in launch:
            launch["channel"] = "chromium"  # the one without windows reads no preferences
        context = browser_type.launch_persistent_context(profile, **launch, locale="en-US", ignore_https_errors=True)
        page = context.pages[0]
        page.goto(f"https://{site}")
        yield page, front
        context.close()


def drawn(page: Page, front: Front, cookies: str) -> Frame:
    """The frame, once our page is drawn in it, and once it is certain what the browser does with cookies."""
    # Into a browser that has nothing in its cache yet.
    expect(page.frame_locator("iframe").locator("#page[data-ready]")).to_be_visible(timeout=60_000)
    frame = page.frames[1]
    expect(frame.locator(".stBidiComponent #page")).to_be_attached(timeout=60_000)
    # By what arrives at the server.
    frame.evaluate("document.cookie = 'third=party; Secure; SameSite=None'")
    assert frame.evaluate("fetch('/healthz').then((answer) => answer.status)") == 200
    assert (b"third=party" in front.sent) is (cookies == "allowed")
    return frame
