"""Pictures one after another: `python -m tests.load.sequence --pictures 1000`.

The API gets them in all formats and sizes, golden photos and 12-megapixel ones among them. Exits with 1 when the
server then takes over 5 % more memory than after the first 100, or more threads or descriptors.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import httpx2 as httpx

from benchmarks.visitor import client
from tests.support.pictures import pictures
from tests.support.server import started
from tests.support.watch import HAS_PROC, Footprint, footprint

FIRST = 100
"""Pictures after which memory must have found its level."""
GROWTH = 1.05
"""By how much memory may be above that level in the end."""

_WINDOW = 10


def footprints(http: httpx.Client, pid: int, files: Sequence[bytes], count: int) -> tuple[Footprint, Footprint]:
    """What the server takes after the first pictures, and after `count` of them, the same ones again and again.

    Each is the median over the last few of them, which are the same files when their number divides FIRST.
    """
    assert count % FIRST == 0, f"{count} is no multiple of {FIRST}"
    taken = []
    for number in range(count):
        response = http.post("/api/v1/classify", content=files[number % len(files)])
        assert response.status_code == 200, response.text
        if number % FIRST >= FIRST - _WINDOW:
            taken.append(footprint(pid))
    return _median(taken[:_WINDOW]), _median(taken[-_WINDOW:])


def broken(before: Footprint, after: Footprint) -> list[str]:
    """Which promises were not kept, in words."""
    found = []
    if after.together > before.together * GROWTH:
        found.append(f"memory grew from {before.together:.0f} to {after.together:.0f} MB")
    for what in ("threads", "descriptors", "processes"):
        if getattr(after, what) > getattr(before, what):
            found.append(f"{what} grew from {getattr(before, what)} to {getattr(after, what)}")
    return found


def _median(some: Sequence[Footprint]) -> Footprint:
    return Footprint(*(statistics.median_high(getattr(one, part.name) for one in some) for part in fields(Footprint)))


def main() -> int:
    """Sends the pictures to a server of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.load.sequence", description=__doc__)
    parser.add_argument("--pictures", type=int, default=1000, help=f"a multiple of {FIRST} (default: 1000)")
    options = parser.parse_args()
    if not HAS_PROC:
        print("There is no /proc here, from which memory could be read.")
        return 0
    files = pictures()
    with (
        tempfile.TemporaryDirectory() as folder,
        started(Path(folder) / "log.txt") as (process, address),
        client(address) as http,
    ):
        before, after = footprints(http, process.pid, files, options.pictures)
    print(f"after {FIRST} pictures: {before}\nafter {options.pictures}: {after}")
    failures = broken(before, after)
    for failure in failures:
        print(f"BROKEN: {failure}")
    return bool(failures)


if __name__ == "__main__":
    sys.exit(main())
