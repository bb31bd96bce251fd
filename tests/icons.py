"""The page's icons as PNG files: `python -m tests.icons` draws them of `icon.svg` for those who cannot take that."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import browser_arguments
from web.own_files import STATIC
from web.page.installing import ICONS

FILES = {"icon.png": (96, "any"), **ICONS}
"""Pixels along a side, and whether a platform may cut the icon into a shape of its own."""

# A platform may cut off all outside a circle of 80 % of the side: https://www.w3.org/TR/appmanifest/#icon-masks
_MASKABLE = "body { background: #0b63a5; padding: 8% }"


def main() -> None:
    """Draws all files."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        for name, (side, purpose) in FILES.items():
            draw(browser, STATIC / name, side, purpose)
        browser.close()


def draw(browser: Browser, file: Path, side: int, purpose: str) -> None:
    """Draws one of them."""
    page = browser.new_page(viewport={"width": side, "height": side})
    style = (
        "body { margin: 0; box-sizing: border-box; height: 100vh } svg { display: block; width: 100%; height: 100% }"
    )
    svg = (STATIC / "icon.svg").read_text("utf-8")
    page.set_content(f"<style>{style}{_MASKABLE if purpose == 'maskable' else ''}</style>{svg}")
    page.screenshot(path=file, omit_background=True)
    page.close()


if __name__ == "__main__":
    main()
