"""The pictures of the page in README and documentation: `python -m tests.screenshot` writes them to docs/.

Names of parts, such as `code recent`, take their pictures alone.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.browser import browser_arguments
from tests.support.server import ROOT, running
from tests.support.steps import best, opened, until
from tests.support.steps import sample as click
from web.page.gallery import FOLDER as SAMPLES
from web.page.gallery import samples

FOLDER = ROOT / "docs"
SHOTS = (
    ("screenshot.png", "light", {"width": 1280, "height": 960}, "red_panda.webp"),
    ("screenshot-dark.png", "dark", {"width": 1280, "height": 960}, None),
    ("screenshot-phone.png", "dark", {"width": 390, "height": 844}, "coffee.png"),
)
CAMERA = "koala.webp"  # what the browser's camera is held at
SECONDS = 60_000  # milliseconds for what a part has to do
SETTLED = "![...document.querySelectorAll('[aria-busy=true]')].some((one) => one.checkVisibility())"


def _opens(part: str) -> Callable[[Page], None]:
    def come(page: Page) -> None:
        click(page, "red_panda")
        best(page)
        page.locator(f"[data-opens={part}]").first.click()
        shown = {"why": "#why-map", "compare": "#compare-table"}.get(part, f"#{part}")
        expect(page.locator(shown)).to_be_visible(timeout=SECONDS)

    return come


def _code(page: Page) -> None:
    _opens("code")(page)
    page.locator("#code [data-code=python]").click()


def _recent(page: Page) -> None:
    _opens("recent")(page)
    page.locator("#recent-keep").check()
    for sample in ("koala", "coffee", "red_panda"):
        click(page, sample)
        best(page)
        expect(page.locator(".recent-one img[src]").first).to_be_visible()


def _many(page: Page) -> None:
    page.locator("[data-opens=many]").first.click()
    files = [SAMPLES / sample.file for sample in samples().values()][:6]
    page.locator("#many input[type=file]:not([webkitdirectory])").set_input_files(files)
    expect(page.locator("#many .line .score:not(:empty)")).to_have_count(len(files), timeout=SECONDS)


def _live(page: Page) -> None:
    page.locator("[data-opens=live]").first.click()
    expect(page.locator("#live .bar .label").first).not_to_be_empty(timeout=SECONDS)


PARTS: dict[str, Callable[[Page], None]] = {
    "why": _opens("why"),
    "compare": _opens("compare"),
    "crop": _opens("crop"),
    "many": _many,
    "live": _live,
    "code": _code,
    "share": _opens("share"),
    "recent": _recent,
}
"""How each part of the page is brought to show what it does; `page-NAME.png` shows it."""


def main(parts: list[str]) -> None:
    """Starts the server and a browser, and takes all pictures, or those of some parts."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "log.txt") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(**_arguments(Path(folder)))
        for name, scheme, size, sample in () if parts else SHOTS:
            page = _visit(browser, address, scheme, size)
            if sample:
                # Twice: the first picture after the start also pays for what is loaded on first use.
                for one in ("chelsea.png", sample):
                    click(page, samples()[one].name)
                    best(page)
            _take(page, FOLDER / name)
        for part in parts or PARTS:
            page = _visit(browser, address, "light", {"width": 1280, "height": 800})
            PARTS[part](page)
            _take(page, FOLDER / f"page-{part}.png", part)
        browser.close()


def _arguments(folder: Path) -> dict[str, Any]:
    """Those of the browser, whose camera shows a photo instead of a test picture."""
    video = folder / "camera.mjpeg"
    with Image.open(SAMPLES / CAMERA) as picture:
        picture.convert("RGB").resize((640, 480), box=_middle(picture.size)).save(video, "JPEG", quality=92)
    arguments = browser_arguments()
    more = [f"--use-file-for-fake-video-capture={video}", "--use-fake-ui-for-media-stream"]
    return {**arguments, "args": [*arguments["args"], *more]}


def _middle(size: tuple[int, int]) -> tuple[float, float, float, float]:
    """The largest box of 4 to 3 in the middle of a picture."""
    width, height = size
    wide, tall = min(width, height * 4 / 3), min(height, width * 3 / 4)
    left, top = (width - wide) / 2, (height - tall) / 2
    return left, top, left + wide, top + tall


def _visit(browser: Browser, address: str, scheme: str, size: dict[str, int]) -> Page:
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-US",
        reduced_motion="reduce",
        permissions=["camera"],
    )
    return opened(context.new_page(), address)


def _take(page: Page, file: Path, part: str = "") -> None:
    """Takes the window, or what is above the gallery if that shows a part."""
    page.mouse.move(1, 400)
    until(page, "scrollY === 0")
    until(page, "[...document.images].every((image) => image.complete)")
    if part:
        until(page, SETTLED, seconds=SECONDS / 1000)
    with Image.open(io.BytesIO(page.screenshot(full_page=bool(part)))) as picture:
        # 256 colours, mixed where they do not suffice, look right and take half the space.
        full = picture.convert("RGB")
        if part:
            full = full.crop((0, 0, full.width, min(full.height, round(page.evaluate(_END)) + 16)))
        palette = full.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
        full.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)
    page.context.close()
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


_END = """Math.max(...[...document.querySelectorAll("#picture, #answer, #choices, .mode")]
    .filter((one) => one.checkVisibility()).map((one) => [...one.children].filter((part) => part.checkVisibility()))
    .flat().map((part) => part.getBoundingClientRect().bottom + scrollY))"""


if __name__ == "__main__":
    main(sys.argv[1:])
