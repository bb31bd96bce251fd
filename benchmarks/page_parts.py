"""`python -m benchmarks.page_parts`: how fast the page's table of many pictures and its camera are, in Chromium.

A folder goes through the page and through `classifier classify`, in turn: the page has the model loaded, but its
browser decodes the thumbnails on the same CPUs, and takes what is left of them. The page then gets the same pictures
once more, in another folder, to see whether the server's memory grows. The camera is Chromium's moving test picture.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from benchmarks.browser import browser_arguments
from benchmarks.callers import memory
from benchmarks.rows import photos
from benchmarks.server import serving
from benchmarks.table import save

COUNT = 500
SIZES = {"640 x 480": (640, 480), "2-megapixel": (1600, 1200), "12-megapixel": (4000, 3000)}
LIVE = 15.0  # seconds
_LONG = """() => {
    window.longest = 0;
    new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) window.longest = Math.max(window.longest, duration);
    }).observe({ type: "longtask" });
}"""
_COUNTED = """() => {
    window.answers = 0;
    const send = window.fetch;
    window.fetch = async (...asked) => {
        const answer = await send(...asked);
        if (answer.ok && String(asked[0]).startsWith("page/classify")) window.answers += 1;
        return answer;
    };
}"""


def _opened(browser: Browser, address: str, mode: str, script: str) -> Page:
    page = browser.new_context(permissions=["camera"], viewport={"width": 1280, "height": 800}).new_page()
    page.goto(f"{address}/?mode={mode}")
    expect(page.locator(".stBidiComponent #page[data-ready]")).to_be_visible(timeout=60_000)
    page.evaluate(script)
    return page


def _through_the_page(page: Page, folder: Path) -> float:
    """Seconds until the whole folder has its answers."""
    page.locator("#many-folder").set_input_files(folder)
    begin = time.perf_counter()
    expect(page.locator("#many-progress")).to_have_js_property("position", 1, timeout=600_000)
    expect(page.locator("#many-stop")).to_be_hidden()
    return time.perf_counter() - begin


def _through_the_command_line(folder: Path) -> float:
    begin = time.perf_counter()
    command = [sys.executable, "-m", "classifier", "classify", "--csv", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def _many(browser: Browser, about: str, size: tuple[int, int], rounds: int) -> str:
    pages, commands, tasks, grown = [], [], [], []
    with tempfile.TemporaryDirectory() as place:
        first, second = Path(place) / "first", Path(place) / "second"
        first.mkdir()
        second.mkdir()
        for path in photos(first, *size, COUNT):
            (second / path.name).hardlink_to(path)
        for _ in range(rounds):
            with serving(Path(place) / "log.txt") as (process, address):
                page = _opened(browser, address, "many", _LONG)
                pages.append(_through_the_page(page, first))
                before = memory(process.pid)
                pages.append(_through_the_page(page, second))
                grown.append(memory(process.pid) - before)
                tasks.append(page.evaluate("window.longest"))
                page.context.close()
            commands.append(_through_the_command_line(first))
    ours, theirs = statistics.median(pages), statistics.median(commands)
    return (
        f"| {COUNT} {about} photos | {COUNT / ours:.1f}/s | {COUNT / theirs:.1f}/s | {theirs / ours:.2f} x "
        f"| {max(tasks):.0f} ms | {statistics.median(grown):+.0f} MB |"
    )


def _live(browser: Browser) -> str:
    with tempfile.TemporaryDirectory() as place, serving(Path(place) / "log.txt") as (_, address):
        page = _opened(browser, address, "live", _COUNTED)
        page.locator("#live-start").click()
        expect(page.locator("#live-bars .bar").first).to_be_visible(timeout=30_000)
        before, begin = page.evaluate("window.answers"), time.perf_counter()
        page.wait_for_timeout(LIVE * 1000)
        rate = (page.evaluate("window.answers") - before) / (time.perf_counter() - begin)
        page.context.close()
    return f"One visitor's live camera: {rate:.1f} answers a second."


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_parts", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each folder goes each way (default: 3)")
    about = "only pictures of these; none for the camera alone"
    parser.add_argument("--sizes", nargs="*", choices=list(SIZES), default=list(SIZES), help=about)
    options = parser.parse_args()
    lines = [
        "| what | page | command line | page to command line | longest task in the tab "
        "| server's memory for 500 more |",
        "|---|---|---|---|---|---|",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        live = _live(browser)
        print(live, flush=True)
        for size in options.sizes:
            lines.append(_many(browser, size, SIZES[size], options.rounds))
            print(lines[-1], flush=True)
        browser.close()
    if options.sizes == list(SIZES):
        save("python -m benchmarks.page_parts", [*lines, "", live], "page_parts")


if __name__ == "__main__":
    main()
