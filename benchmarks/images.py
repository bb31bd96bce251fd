"""`python -m benchmarks.images [FLAVOR...]`: the images against the same page in a plainly built one with TensorFlow.

It needs a Docker engine with the images that `make image` builds. It measures their size, the time from `docker run` to
the first bars in a browser, the memory at rest after that, and photos per second for two visitors at once. The images
take turns.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass

from playwright.sync_api import Browser, sync_playwright

from benchmarks import plain_visitor, visitor
from benchmarks.browser import browser_arguments
from benchmarks.docker import build, detached, docker
from benchmarks.pictures import mosaic_jpeg
from benchmarks.rows import first_bars_at, until_it_listens
from benchmarks.table import save
from benchmarks.visitor import Tab
from classifier.checkout import ROOT

LIMITS = ("--cpus", "2", "--memory", "2g")
REST_SECONDS = 10.0
ARCHITECTURES = {"edge": "amd64, arm64", "cpu": "amd64, arm64", "cuda": "amd64", "plain": "amd64, arm64"}


@dataclass(frozen=True)
class Image:
    """An image, and how its page is opened."""

    name: str
    tag: str
    opened: Callable[[str], AbstractContextManager[Tab]] = visitor.opened

    @property
    def megabytes(self) -> float:
        """Size of the image in MB, uncompressed."""
        size: int = json.loads(docker("image", "inspect", self.tag))[0]["Size"]
        return size / 1e6

    @contextmanager
    def running(self) -> Iterator[tuple[str, str]]:
        """Runs a container of the image; gives its id, and the address at which its page will be.

        The container uses this machine's network: when a new network appears, Chromium starts again what it is loading.
        """
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        options = ("--network", "host", "--env", f"STREAMLIT_SERVER_PORT={port}")
        with detached(self.tag, *LIMITS, *options) as container:
            yield container, f"http://127.0.0.1:{port}"

    def start_to_bars(self, browser: Browser) -> float:
        """Seconds from `docker run` to the first bars."""
        begin = time.perf_counter()
        with self.running() as (_, address):
            first_bars_at(browser, address)
            return time.perf_counter() - begin


PLAIN = Image("plain", "image-classifier:plain", plain_visitor.opened)


def at_rest(container: str) -> float:
    """Memory in MB that a container holds, as `docker stats` tells it: without files that the kernel has cached."""
    used = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).partition(" ")[0]
    amount, unit = used[:-3], used[-3:]
    return float(amount) * {"MiB": 2**20, "GiB": 2**30}[unit] / 1e6


def photos_per_second(image: Image, address: str, photo: bytes, count: int = 5) -> float:
    """How many 12-megapixel photos are classified per second for two visitors at once."""

    def visit(_: int) -> None:
        with image.opened(address) as tab:
            for _ in range(count):
                assert len(tab.show(photo).labels) == 5

    begin = time.perf_counter()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(visit, range(2)))
    return 2 * count / (time.perf_counter() - begin)


def measure(images: Sequence[Image], rounds: int) -> list[str]:
    """The rows of the table."""
    found: dict[tuple[str, Image], list[float]] = defaultdict(list)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_arguments())
        for number in range(rounds + 1):
            for image in images:
                seconds = image.start_to_bars(browser)
                if number:  # the first round only fills the kernel's cache
                    found["start", image].append(seconds)
        browser.close()
    photo = mosaic_jpeg(4000, 3000)
    with ExitStack() as stack:
        containers = {image: stack.enter_context(image.running()) for image in images}
        for image, (_, address) in containers.items():
            until_it_listens(address)
            photos_per_second(image, address, photo, 1)
        time.sleep(REST_SECONDS)
        for image, (container, _) in containers.items():
            found["memory", image].append(at_rest(container))
        for _ in range(rounds):
            for image, (_, address) in containers.items():
                found["speed", image].append(photos_per_second(image, address, photo))
    return [
        f"| `{image.name}` | {image.megabytes:.0f} MB | {ARCHITECTURES[image.name]} "
        f"| {statistics.median(found['start', image]):.1f} s | {statistics.median(found['memory', image]):.0f} MB "
        f"| {statistics.median(found['speed', image]):.1f} |"
        for image in images
    ]


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.images", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("flavors", nargs="*", metavar="FLAVOR", help="of edge, cpu and cuda; edge and cpu if none")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is run")
    args = parser.parse_args()
    file = str(ROOT / "benchmarks/plain_image/Dockerfile")
    build(PLAIN.tag, "plain", options=("--file", file))
    images = [*(Image(name, f"image-classifier:{name}") for name in args.flavors or ("edge", "cpu")), PLAIN]
    lines = [
        "| image | size | for | start to first bars | memory at rest | 12-megapixel photos per second |",
        "|---|---|---|---|---|---|",
        *measure(images, args.rounds),
    ]
    print("\n".join(lines))
    save("python -m benchmarks.images", lines, "images")


if __name__ == "__main__":
    main()
