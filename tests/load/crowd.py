"""Many visitors at once: `python -m tests.load.crowd --page 50 --api 0`.

Everybody comes with a 12-megapixel photo at the same moment, and whoever is told to come back does so. Exits with 1
when somebody got neither labels nor such an answer, when `/healthz` took a second, or when the server, its child
processes included, took more than 800 MB.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx2 as httpx

from benchmarks.visitor import PATIENCE, Answer, client, opened
from tests.support.photos import mosaic
from tests.support.server import started
from tests.support.watch import Watch, watching

MEMORY = 800
"""MB that the server may take, whatever comes."""
HEALTH = 1.0
"""Seconds within which it says that it is alive."""


@dataclass
class Guest:
    """How it went for one of the crowd."""

    kind: Literal["page", "api"]
    answer: Answer
    told_to_wait: int
    seconds: float


def photos(count: int = 4) -> list[bytes]:
    """Distinct 12-megapixel JPEG files of about 3 MB."""
    files = [io.BytesIO() for _ in range(count)]
    for number, file in enumerate(files):
        mosaic(4000, 3000, 7 * number).save(file, "JPEG", quality=95)
    return [file.getvalue() for file in files]


def crowd(address: str, pictures: Sequence[bytes], page: int, api: int) -> list[Guest]:
    """Sends visitors of the page and callers of the API at once, mixed, and waits until all have left."""

    def come(number: int) -> Guest:
        start, picture = time.perf_counter(), pictures[number % len(pictures)]
        # Mixed evenly: the count of visitors of the page goes up by one with this number, or not.
        visitors = [one * page // (page + api) for one in (number, number + 1)]
        kind: Literal["page", "api"] = "page" if visitors[0] < visitors[1] else "api"
        answer, waits = _visit(address, picture) if kind == "page" else _call(address, picture)
        return Guest(kind, answer, waits, time.perf_counter() - start)

    with ThreadPoolExecutor(page + api, initializer=step_back) as pool:
        return list(pool.map(come, range(page + api)))


def step_back() -> None:
    """Leaves the CPU to the server: a real crowd brings its own."""
    if sys.platform == "linux":  # where threads have a priority of their own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)


def _visit(address: str, picture: bytes) -> tuple[Answer, int]:
    with opened(address) as tab:
        return _patiently(lambda: tab.show(picture))


def _call(address: str, picture: bytes) -> tuple[Answer, int]:
    with client(address) as http:
        return _patiently(lambda: classify(http, picture))


def _patiently(ask: Callable[[], Answer]) -> tuple[Answer, int]:
    """Asks until there is an answer that does not say to come back; how often it was said."""
    answer, waits, end = ask(), 0, time.monotonic() + PATIENCE
    while answer.later is not None and time.monotonic() < end:
        time.sleep(answer.later)
        answer, waits = ask(), waits + 1
    return answer, waits


def classify(http: httpx.Client, picture: bytes) -> Answer:
    """Asks the API."""
    response = http.post("/api/v1/classify", content=picture)
    if response.status_code == 200:
        (result,) = response.json()["results"]
        return Answer(tuple(one["label"] for one in result["predictions"]))
    later = float(response.headers["Retry-After"]) if response.status_code == 503 else None
    return Answer(refusal=f"{response.status_code} {response.json()['detail']}", later=later)


def broken(guests: Sequence[Guest], seen: Watch) -> list[str]:
    """Which promises were not kept, in words."""
    found = [f"{one.kind}: {one.answer.refusal or 'no labels'}" for one in guests if not one.answer.labels]
    return [*found, *broken_by_the_server(seen)]


def broken_by_the_server(seen: Watch) -> list[str]:
    """Which of the promises that hold whatever comes were not kept, in words."""
    found = [f"/healthz: {what}" for what in seen.unhealthy]
    if seen.slowest_health >= HEALTH:
        found.append(f"/healthz took {seen.slowest_health:.2f} s")
    most = seen.most()
    if most and most.memory > MEMORY:
        found.append(f"the server took {most.memory:.0f} MB")
    return found


def report(guests: Sequence[Guest], seen: Watch) -> str:
    """What was seen, in a few lines."""
    lines = []
    for kind in ("page", "api"):
        times = sorted(one.seconds for one in guests if one.kind == kind)
        if times:
            waits = sum(one.told_to_wait for one in guests if one.kind == kind)
            middle = times[len(times) // 2]
            lines.append(
                f"{kind}: {len(times)} in {times[-1]:.1f} s, half in {middle:.1f} s; told to come back: {waits}"
            )
    lines.append(f"/healthz: {seen.slowest_health:.3f} s at most, asked {seen.checks} times")
    if most := seen.most():
        lines.append(
            f"at most {most.memory:.0f} MB (the server {most.rss_peak:.0f}, {most.processes} processes together "
            f"{most.together:.0f}), {most.threads} threads, {most.descriptors} descriptors"
        )
    else:
        lines.append("memory unknown, there is no /proc here")
    return "\n".join(lines)


def main() -> int:
    """Runs the crowd against a server of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.crowd", description=__doc__)
    parser.add_argument("--page", type=int, default=25, help="visitors of the page (default: 25)")
    parser.add_argument("--api", type=int, default=25, help="callers of the API (default: 25)")
    parser.add_argument("--times", type=int, default=1, help="how often, one after another (default: 1)")
    options = parser.parse_args()
    pictures = photos()
    failed = False
    with tempfile.TemporaryDirectory() as folder, started(Path(folder) / "log.txt") as (process, address):
        for _ in range(options.times):
            with watching(address, process.pid) as seen:
                guests = crowd(address, pictures, options.page, options.api)
            print(report(guests, seen))
            for promise in broken(guests, seen):
                failed = True
                print(f"BROKEN: {promise}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
