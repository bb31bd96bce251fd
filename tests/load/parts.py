"""Visitors who use all parts of the page at once: `python -m tests.load.parts --visitors 10 --seconds 30`.

Each has an address of its own and, at the same time, a folder of pictures under way and the camera on, looks at
12-megapixel photos one after another, and asks why the model says so. Whoever is told to come back does so.

Exits with 1 when somebody got an answer that is neither a result nor such a wish, or no result at all from one of the
parts, when `/healthz` took a second, or when the server, its child processes included, took more than 800 MB.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from benchmarks.visitor import PATIENCE
from tests.load.crowd import broken_by_the_server, photos, step_back
from tests.support.photos import golden_photos
from tests.support.server import started
from tests.support.watch import Watch, watching
from web.api.parameters import Parameters

_OWN = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/octet-stream"}
_PAGE = "/page/classify"
_FRAME = 299  # pixels of a frame's shorter side, as the page makes it for the default model
_PACE = 0.1  # seconds from one frame to the next


@dataclass
class Visitor:
    """One of them, and what came of each part.

    Attributes:
        answers: results by part.
        waits: how often each part was told to come back.
        wrong: what else was answered.
        slowest: seconds that the slowest result of each part took.
    """

    address: str
    answers: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest: dict[str, float] = field(default_factory=dict)


def small(side: int, quality: int) -> list[bytes]:
    """The golden photos as JPEG files with a shorter side of so many pixels."""
    found = []
    for one in golden_photos():
        with Image.open(one.path) as image:
            scale = side / min(image.size)
            file = io.BytesIO()
            width, height = (round(length * scale) for length in image.size)
            image.convert("RGB").resize((width, height)).save(file, "JPEG", quality=quality)
        found.append(file.getvalue())
    return found


class Part:
    """What one visitor does with one part of the page, one request after another."""

    def __init__(
        self, name: str, paths: Sequence[str], files: Sequence[bytes], lanes: int = 1, pace: float = 0
    ) -> None:
        """Sends nothing yet.

        Args:
            name: how it is called in the report.
            paths: what is asked, one after another.
            files: what is sent, one after another.
            lanes: requests at a time.
            pace: seconds from one request to the next, at least.
        """
        self.name, self.lanes, self.pace = name, lanes, pace
        self._asked: Iterator[tuple[str, bytes]] = zip(cycle(paths), cycle(files), strict=False)
        self._lock = threading.Lock()

    def run(self, visitor: Visitor, server: tuple[str, int], end: float) -> None:
        """Asks until the time has come; what is under way then is waited for."""
        step_back()
        connection = http.client.HTTPConnection(*server, timeout=PATIENCE, source_address=(visitor.address, 0))
        while time.monotonic() < end:
            with self._lock:
                path, file = next(self._asked)
            begin = time.monotonic()
            later = self._ask(connection, visitor, path, file, end)
            time.sleep(max(0.0, later, begin + self.pace - time.monotonic()))
        connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, visitor: Visitor, path: str, file: bytes, end: float
    ) -> float:
        """Sends one picture; the seconds after which to go on."""
        begin = time.monotonic()
        try:
            connection.request("POST", path, file, _OWN)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            visitor.wrong.append(f"{self.name}: {error!r}")
            return 1
        later = answer.headers.get("Retry-After")
        if answer.status == 200:
            visitor.answers[self.name] += 1
            visitor.slowest[self.name] = max(visitor.slowest.get(self.name, 0), time.monotonic() - begin)
            return 0
        if answer.status in (429, 503) and later:
            visitor.waits[self.name] += 1
            return min(float(later), max(0, end - time.monotonic()))
        visitor.wrong.append(f"{self.name}: {answer.status} {content[:200]!r}")
        return 1


def parts_of(cpus: int) -> Callable[[], list[Part]]:
    """Makes the parts of a visitor, whose requests are as the page's scripts make them."""
    large, many, frames = photos(), small(480, 88), small(_FRAME, 90)

    def make() -> list[Part]:
        found = [
            Part("many", [f"{_PAGE}?part=many"], many, lanes=2 * cpus),
            Part("live", [f"{_PAGE}?part=live"], frames, pace=_PACE),
            Part("classify", [_PAGE], large),
        ]
        if "explain" in Parameters.model_fields:
            found.append(Part("explain", ["/api/v1/classify?explain=0"], many))
        return found

    return make


def visit(address: str, count: int, seconds: float, cpus: int) -> list[Visitor]:
    """Has so many visitors use everything for so long, and waits until all have left."""
    make, place = parts_of(cpus), urlsplit(address)
    visitors = [Visitor(f"127.0.1.{number + 1}") for number in range(count)]
    end = time.monotonic() + seconds
    threads = [
        threading.Thread(target=part.run, args=(visitor, (str(place.hostname), place.port), end))
        for visitor in visitors
        for part in make()
        for _ in range(part.lanes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return visitors


def broken(visitors: Sequence[Visitor], seen: Watch) -> list[str]:
    """Which promises were not kept, in words."""
    names = sorted({name for one in visitors for name in [*one.answers, *one.waits]})
    found = [f"{one.address}: {what}" for one in visitors for what in one.wrong]
    found += [f"{one.address}: nothing from {name}" for one in visitors for name in names if not one.answers[name]]
    return [*found, *broken_by_the_server(seen)]


def report(visitors: Sequence[Visitor], seen: Watch, seconds: float) -> str:
    """What was seen, in a few lines: answers a second of each part, of all and of whoever got least and most."""
    lines = []
    for name in dict.fromkeys(name for one in visitors for name in one.answers):
        each = sorted(one.answers[name] / seconds for one in visitors)
        waits = sum(one.waits[name] for one in visitors)
        slowest = max(one.slowest.get(name, 0) for one in visitors)
        lines.append(
            f"{name}: {sum(each):.1f} answers a second, each visitor {each[0]:.2f} to {each[-1]:.2f}; "
            f"told to come back: {waits}; the slowest took {slowest:.1f} s"
        )
    every = sorted(one.answers.total() / seconds for one in visitors)
    lines.append(f"all: {sum(every):.1f} answers a second, each visitor {every[0]:.2f} to {every[-1]:.2f}")
    lines.append(f"/healthz: {seen.slowest_health:.3f} s at most, asked {seen.checks} times")
    if most := seen.most():
        lines.append(f"at most {most.memory:.0f} MB, {most.threads} threads, {most.descriptors} descriptors")
    return "\n".join(lines)


def main() -> int:
    """Runs the visitors against a server of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.parts", description=__doc__)
    parser.add_argument("--visitors", type=int, default=10, help="how many (default: 10)")
    parser.add_argument("--seconds", type=float, default=30, help="how long (default: 30)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, started(Path(folder) / "log.txt") as (process, address):
        cpus = _cpus(address)
        with watching(address, process.pid) as seen:
            visitors = visit(address, options.visitors, options.seconds, cpus)
    print(report(visitors, seen, options.seconds))
    found = broken(visitors, seen)
    for promise in found:
        print(f"BROKEN: {promise}")
    return bool(found)


def _cpus(address: str) -> int:
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE)
    connection.request("GET", "/page/offer", headers=_OWN)
    return int(json.loads(connection.getresponse().read())["cpus"])


if __name__ == "__main__":
    sys.exit(main())
