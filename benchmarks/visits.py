"""Rows of a browser's visits to the page, with Gradio's beside them: bytes, time on a slow line, jumps, and a click."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.beside import servers
from benchmarks.browser import browser_arguments
from benchmarks.measure import Row

SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
"""A line of 1.6 Mbit/s with 150 ms, as Chromium's tools call a slow one."""

_WATCH = """
window.jumps = 0;
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.jumps += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""

# From a click on a sample to the frame that shows its bars: they are empty until the answer has come. Asking for frames
# all the while would take a CPU from the server, where nothing but a CPU draws them. What is put off by no time within
# the work for a frame runs right after it.
_CLICK = """number => new Promise((done) => {
    const bars = () => [...document.querySelectorAll('[role=meter]')].map((bar) => bar.ariaLabel).join();
    const buttons = document.querySelectorAll('#samples button');
    const page = document.getElementById('page');
    const before = bars(), start = performance.now();
    const changes = new MutationObserver(() => {
        if (page.dataset.state !== 'result' || !bars() || bars() === before) return;
        changes.disconnect();
        requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
    });
    changes.observe(document.body, { subtree: true, childList: true, attributes: true, characterData: true });
    buttons[number % buttons.length].click();
})"""


@dataclass(frozen=True)
class Visit:
    """What a visit took.

    Attributes:
        seconds: until a file can be chosen.
        painted: until the first words were there.
        kilobytes: received until then and in the two seconds after, WebSocket frames included.
        requests: how many.
        jumps: the layout shift: https://web.dev/articles/cls.
    """

    seconds: float
    painted: float
    kilobytes: float
    requests: int
    jumps: float


def first_visit(rounds: int) -> Iterator[Row]:
    """A first visit with an empty cache, quick and on a slow line; a second one; and a click on a sample."""
    with servers("gradio") as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        addresses = {name: f"http://127.0.0.1:{server.port}" for name, server in running.items()}
        other = next(name for name in addresses if name != "ours")
        for about, line in (("", None), (", 1.6 Mbit/s and 150 ms", SLOW)):
            seen: dict[str, list[Visit]] = {name: [] for name in addresses}
            for _ in range(max(3, rounds // 10)):
                for name, address in addresses.items():
                    seen[name].append(visit(browser, address, line))
            ours, theirs = (_middle(seen[name]) for name in ("ours", other))
            what, texts = f"first visit{about}", (f"{ours.seconds:.2f} s", f"{other}: {theirs.seconds:.2f} s")
            yield Row(f"{what}, until a file can be chosen", *texts, theirs.seconds / ours.seconds, None)
            if line:
                yield _bound(f"{what}: first words", ours.painted, 1.0, "{:.2f} s")
                yield _bound(f"{what}: a file can be chosen", ours.seconds, 7.0, "{:.2f} s")
                continue
            sent, others = (f"{one.kilobytes:.0f} kB, {one.requests} requests" for one in (ours, theirs))
            yield Row(what, sent, f"{other}: {others}", theirs.kilobytes / ours.kilobytes, None)
            yield _bound(f"{what}: kB", ours.kilobytes, 1100, "{:.0f} kB")
            yield _bound(f"{what}: layout shift", ours.jumps, 0.05, "{:.4f}")
        again = [visit(browser, addresses["ours"], None, warm=True) for _ in range(3)]
        yield _bound("second visit: kB", _middle(again).kilobytes, 60, "{:.0f} kB")
        yield _bound("click on a sample to its bars", _click(browser, addresses["ours"], rounds), 120, "{:.0f} ms")
        browser.close()


def visit(browser: Browser, address: str, line: Mapping[str, float] | None, *, warm: bool = False) -> Visit:
    """One visit, of a browser that has never been there; or, if warm, the second of one that has."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    if warm:
        page = context.new_page()
        _open(page, address)
        page.close()
    page = context.new_page()
    page.add_init_script(_WATCH)
    tools = context.new_cdp_session(page)
    tools.send("Network.enable")
    if line:
        tools.send("Network.emulateNetworkConditions", dict(line))
    sizes: list[float] = []
    tools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    frames: list[float] = []
    tools.on(
        "Network.webSocketFrameReceived", lambda event: frames.append(len(event["response"]["payloadData"]) * 0.75)
    )
    seconds = _open(page, address)
    found = Visit(
        seconds,
        page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime") / 1000,
        (sum(sizes) + sum(frames)) / 1000,
        sum(1 for size in sizes if size),
        page.evaluate("window.jumps"),
    )
    context.close()
    return found


def _open(page: Page, address: str) -> float:
    """Opens a page; returns the seconds until a file can be chosen, after two more for what comes later."""
    page.goto(address, wait_until="commit")
    # Ours has it in its HTML; it can be used once the page's scripts are there.
    page.wait_for_selector("#page[data-ready], input[type=file]:not(#file)", state="attached", timeout=60_000)
    seconds: float = page.evaluate("performance.now()") / 1000
    page.wait_for_timeout(2_000)
    return seconds


def _click(browser: Browser, address: str, rounds: int) -> float:
    """The middle of the milliseconds; in a visit, each sample is clicked once, since the browser keeps its answer."""
    taken: list[float] = []
    while len(taken) < max(12, rounds):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        page = context.new_page()
        _open(page, address)
        for number in range(page.locator("#samples button").count()):
            milliseconds = page.evaluate(_CLICK, number)
            if number > 1:  # the first ones warm up browser and server
                taken.append(milliseconds)
            page.wait_for_timeout(300)
        context.close()
    return statistics.median(taken)


def _middle(visits: list[Visit]) -> Visit:
    """The visit that took the middle time."""
    return sorted(visits, key=lambda one: one.seconds)[len(visits) // 2]


def _bound(what: str, value: float, most: float, text: str) -> Row:
    """A row that is held to a bound."""
    return Row(what, text.format(value), f"at most: {text.format(most)}", min(99, most / max(value, 1e-9)), 1.0)
