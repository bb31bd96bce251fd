"""A long mixed load: `make soak`, or `python -m tests.load.soak --minutes 30`.

Visits to the page, pictures one by one and several at once to the API, files that are no pictures, uploads that
break off and tabs that are closed too early, all at once and again and again. Prints a line per minute. Exits with 1
when an answer came that nobody should get, when `/healthz` took a second, when memory under this load rose by over 5 %
after the first third, or when the server at rest, its closed sessions gone, has more threads or descriptors than then.
"""

from __future__ import annotations

import argparse
import os
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx

from benchmarks.visitor import PATIENCE, client, opened
from classifier.machine.cpus import cpu_count
from tests.load.crowd import HEALTH, classify
from tests.load.sequence import GROWTH
from tests.support.pictures import pictures, slow_picture
from tests.support.server import started
from tests.support.watch import HAS_PROC, Footprint, Watch, footprint, watching

NO_PICTURES = (b"no picture", b"%PDF-1.7\n" + bytes(5000), b"GIF")

TTL = "STREAMLIT_SERVER_DISCONNECTED_SESSION_TTL"
"""Seconds for which the server keeps a closed tab's session; a short soak makes them few."""

POOLED = 4
"""Threads by which the server may have more in the end: its pools start them when first needed, and keep some."""


LONG = 10
"""Minutes from which on memory is compared strictly."""

SHORT_GROWTH = 1.2
"""In a short soak chance decides which pictures are at work; what leaks shows in descriptors, or by more."""


@dataclass
class Load:
    """The load on one server, and what came of it."""

    address: str
    files: Sequence[bytes]
    answers: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def _broken(self) -> bytes:
        """The first half of a picture."""
        whole = next(one for one in self.files if one.startswith(b"\xff\xd8") and len(one) > 10_000)
        return whole[: len(whole) // 2]

    def run(self, seconds: float) -> None:
        """Keeps the load up for so long; everything is over when this returns."""
        end = time.monotonic() + seconds
        kinds = [self.visit, self.visit, self.close_early, self.one, self.several, self.bad, self.break_off]
        workers = [threading.Thread(target=self._again, args=(kind, end, seed)) for seed, kind in enumerate(kinds)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def visit(self, chance: random.Random) -> None:
        """Looks at one to three pictures on the page, now and then at a file that is none."""
        with opened(self.address) as tab:
            for _ in range(chance.randint(1, 3)):
                bad = chance.random() < 0.1
                answer = tab.show(chance.choice(NO_PICTURES if bad else self.files))
                if answer.labels:
                    self._count("page answered", as_it_should=not bad)
                elif answer.later is not None:
                    self._count("page busy")
                else:
                    self._count(f"page: {answer.refusal}" if not bad else "page refused", as_it_should=bad)

    def close_early(self, chance: random.Random) -> None:
        """Closes the tab while the page is at work on the picture."""
        with opened(self.address) as tab:
            tab.hand_in(chance.choice(self.files))
            # Nobody opens and closes tabs without a pause: from one address that would soon be more than its share.
            time.sleep(0.2 + chance.random() / 5)
        self._count("tab closed")

    def one(self, chance: random.Random) -> None:
        """One picture to the API."""
        with client(self.address) as http:
            self._answered(http.post("/api/v1/classify", content=chance.choice(self.files)), 200)

    def several(self, chance: random.Random) -> None:
        """Several pictures, one of which is none."""
        some = [*chance.choices(self.files, k=4), b"no picture"]
        with client(self.address) as http:
            response = http.post(
                "/api/v1/classify", files=[("file", (f"{n}.jpg", data)) for n, data in enumerate(some)]
            )
        self._answered(response, 200)
        if response.status_code == 200:
            for number, result in enumerate(response.json()["results"]):
                status = result["error"]["status"] if "error" in result else 200
                self._count(f"part {status}", as_it_should=status in ((415,) if number == 4 else (200, 503)))

    def bad(self, chance: random.Random) -> None:
        """A request that is wrong."""
        ways: list[tuple[int, dict[str, Any]]] = [
            (415, {"content": chance.choice(NO_PICTURES)}),
            (400, {"content": self._broken}),
            (422, {"content": b""}),
            (422, {"content": self.files[0], "params": {"top_k": 0}}),
            (404, {"content": self.files[0], "params": {"model": "none"}}),
            (400, {"content": b"--", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}),
            (413, {"content": bytes(30_000_000)}),
        ]
        status, request = chance.choice(ways)
        with client(self.address) as http:
            self._answered(http.post("/api/v1/classify", **request), status)

    def break_off(self, chance: random.Random) -> None:
        """Ends the connection in the middle of an upload, in good order or not."""
        picture = chance.choice(self.files)
        place = urlsplit(self.address)
        with socket.create_connection((place.hostname, place.port), timeout=PATIENCE) as connection:
            head = f"POST /api/v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(picture)}\r\n\r\n"
            connection.sendall(head.encode() + picture[: len(picture) // 2])
            time.sleep(chance.random() / 10)
            if chance.random() < 0.5:
                linger = (1).to_bytes(4, sys.byteorder) + bytes(4)  # on, for no time: closing then resets
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        time.sleep(chance.random() / 5)
        self._count("upload broken off")

    def _again(self, kind: Callable[[random.Random], None], end: float, seed: int) -> None:
        chance = random.Random(seed)
        while time.monotonic() < end:
            try:
                kind(chance)
            except Exception as error:  # whatever it was, it is a finding
                self._count(f"{kind.__name__}: {error!r}", as_it_should=False)

    def _answered(self, response: httpx.Response, status: int) -> None:
        """Counts an answer of the API, which may also be that the server is busy."""
        busy = response.status_code == 503 and "Retry-After" in response.headers
        self._count(f"api {response.status_code}", as_it_should=busy or response.status_code == status)

    def _count(self, what: str, *, as_it_should: bool = True) -> None:
        with self._lock:
            self.answers[what] += 1
            if not as_it_should:
                self.unexpected.append(what)


def soak(address: str, pid: int, files: Sequence[bytes], seconds: float, growth: float = GROWTH) -> list[str]:
    """Loads a server for so long and prints what is seen; which promises were not kept, in words.

    Args:
        address: of the server.
        pid: its process.
        files: pictures to send.
        seconds: how long, rests not counted. Memory is compared with what it was at the end of the first third.
        growth: by how much memory may rise above its level.
    """
    load, closed_after = Load(address, files), float(os.environ.get(TTL, 45))
    # Memory finds its level when as many closed sessions go as come.
    window = max(seconds / 20, 1.1 * closed_after + 2)
    processes = all_at_work(address, pid)
    with watching(address, pid) as seen:
        begin = time.monotonic()

        def run(for_seconds: float) -> Footprint | None:
            counted, sampled = load.answers.copy(), len(seen.samples)
            load.run(for_seconds)
            part = Watch(seen.samples[sampled:])
            answers = ", ".join(f"{count} {what}" for what, count in sorted((load.answers - counted).items()))
            minutes = (time.monotonic() - begin) / 60
            print(
                f"{minutes:.1f} min: {_text(part.usual())}, /healthz {part.slowest_health:.2f} s; {answers}", flush=True
            )
            return part.usual()

        def run_minutes(for_seconds: float) -> None:
            while for_seconds > 0:
                run(min(60.0, for_seconds))
                for_seconds -= 60

        # What Python and the C library keep for the next picture grows for minutes, and then no more.
        run_minutes(seconds / 3 - window)
        level = run(window)
        rest = at_rest(address, pid, processes)
        run_minutes(seconds * 2 / 3 - window)
        last_level = run(window)
        last_rest = at_rest(address, pid, processes, rest)
    found = [f"{count} times {what}" for what, count in Counter(load.unexpected).items()]
    found += [f"/healthz: {what}" for what in seen.unhealthy]
    if seen.slowest_health >= HEALTH:
        found.append(f"/healthz took {seen.slowest_health:.2f} s")
    # Tabs that are closed end the workers of their pictures, and chance decides which of the new ones are ever used.
    if level and last_level and last_level.warm > level.warm * growth:
        found.append(f"memory grew from {level.warm:.0f} to {last_level.warm:.0f} MB")
    if rest and last_rest:
        found += _more_handles(rest, last_rest)
    return found


def all_at_work(address: str, pid: int) -> int:
    """Sends slow pictures until the pool has all its workers, as each starts when it is first needed.

    Returns:
        How many processes the server has then; 0 without /proc.
    """
    if not HAS_PROC:
        return 0
    slow, callers = slow_picture(), cpu_count()
    most = 2 + callers  # the server, what starts the workers, and they
    with ThreadPoolExecutor(callers) as pool, client(address) as http:
        for _ in range(10):
            for answer in pool.map(lambda data: classify(http, data), [slow] * callers):
                assert answer.labels, answer.refusal
            if footprint(pid).processes >= most:
                return most
    raise AssertionError(f"not all of {callers} workers are ever at work")


def at_rest(address: str, pid: int, processes: int, like: Footprint | None = None) -> Footprint | None:
    """What the server takes once it has let go of what closed tabs had left there; None without /proc.

    Args:
        address: of the server.
        pid: its process.
        processes: how many it has, once those that were ended have followers.
        like: an earlier one, to which threads and descriptors get time to come back.
    """
    end = time.monotonic() + PATIENCE + float(os.environ.get(TTL, 45))
    if not HAS_PROC:
        return None
    taken = footprint(pid)
    while (taken.processes < processes or (like is not None and _more_handles(like, taken))) and time.monotonic() < end:
        time.sleep(0.5)
        taken = footprint(pid)
    return taken


def _more_handles(before: Footprint, after: Footprint) -> list[str]:
    slack = {"threads": POOLED, "descriptors": 0, "processes": 0}
    return [
        f"{what} grew from {getattr(before, what)} to {getattr(after, what)}"
        for what, more in slack.items()
        if getattr(after, what) > getattr(before, what) + more
    ]


def _text(taken: Footprint | None) -> str:
    if taken is None:
        return "memory unknown, there is no /proc here"
    return f"{taken.together:.0f} MB, {taken.threads} threads, {taken.descriptors} descriptors"


def main() -> int:
    """Loads a server of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    minutes = parser.parse_args().minutes
    os.environ.setdefault(TTL, str(max(1, min(45, int(2 * minutes)))))
    with tempfile.TemporaryDirectory() as folder, started(Path(folder) / "log.txt") as (process, address):
        growth = GROWTH if minutes >= LONG else SHORT_GROWTH
        failures = soak(address, process.pid, pictures(), minutes * 60, growth)
    for failure in failures:
        print(f"BROKEN: {failure}")
    print("some promises were broken" if failures else "all promises were kept")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
