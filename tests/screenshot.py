"""The README's pictures of the page: `python -m tests.screenshot` writes them to docs/."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser import browser_arguments
from tests.support.server import ROOT, running
from tests.support.steps import best, opened, until
from tests.support.steps import sample as click
from web.page.gallery import samples

FOLDER = ROOT / "docs"
SHOTS = (
    ("screenshot.png", "light", {"width": 1280, "height": 960}, "red_panda.webp"),
    ("screenshot-dark.png", "dark", {"width": 1280, "height": 960}, None),
    ("screenshot-phone.png", "dark", {"width": 390, "height": 844}, "coffee.png"),
)


def main() -> None:
    """Starts the server and a browser, and takes all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "log.txt") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(**browser_arguments())
        for name, scheme, size, sample in SHOTS:
            _take(browser, address, FOLDER / name, scheme, size, sample)
        browser.close()


def _take(browser: Browser, address: str, file: Path, scheme: str, size: dict[str, int], sample: str | None) -> None:
    context = browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=scheme,  # type: ignore[arg-type]
        locale="en-US",
        reduced_motion="reduce",
    )
    page = opened(context.new_page(), address)
    if sample:
        # Twice: the first picture after the start also pays for what is loaded on first use.
        for one in ("chelsea.png", sample):
            click(page, samples()[one].name)
            best(page)
        page.mouse.move(1, 400)
        until(page, "scrollY === 0")
    until(page, "[...document.images].every((image) => image.complete)")
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        # 256 colours, mixed where they do not suffice, look right and take half the space.
        full = picture.convert("RGB")
        palette = full.quantize(256, Image.Quantize.MEDIANCUT, kmeans=2)
        full.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)
    context.close()
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
