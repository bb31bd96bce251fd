"""Watches a server under load from outside: whether it still says that it is alive, and what it takes of the machine.

Memory, threads and files come from /proc; where there is none, as on macOS, only the health is watched.
"""

from __future__ import annotations

import http.client
import json
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.support.photos import ROOT

PROC = Path("/proc")
HAS_PROC = (PROC / "self/status").exists()

_SAMPLE = 0.1
_PAUSE = 0.02


@dataclass(frozen=True)
class Footprint:
    """What a server takes, its child processes included. Memory in MB."""

    rss: float
    """Of the process itself."""
    rss_peak: float
    """The most it ever had, as the kernel noted it."""
    rss_sum: float
    """Of all processes; pages that they share count for each."""
    together: float
    """Of all processes; pages that they share count once. As `rss_sum` where the kernel does not tell them apart."""
    warm: float
    """The same if each worker took as much as the largest: a new one keeps some 40 MB after its first large picture."""
    threads: int
    descriptors: int
    processes: int

    @property
    def memory(self) -> float:
        """What the server holds of the machine's memory."""
        return max(self.rss_peak, self.together)


@dataclass(frozen=True)
class Sample:
    """What was seen within a moment."""

    checks: int
    """How often the health was asked for."""
    slowest: float
    """Seconds that the slowest answer took."""
    unhealthy: list[str]
    """What came instead of an answer."""
    footprint: Footprint | None


@dataclass
class Watch:
    """What was seen so far."""

    samples: list[Sample] = field(default_factory=list)

    @property
    def slowest_health(self) -> float:
        """Seconds that the slowest answer to `/healthz` took."""
        return max((one.slowest for one in self.samples), default=0.0)

    @property
    def checks(self) -> int:
        """How often the health was asked for."""
        return sum(one.checks for one in self.samples)

    @property
    def unhealthy(self) -> list[str]:
        """What came instead of an answer."""
        return [what for one in self.samples for what in one.unhealthy]

    def most(self) -> Footprint | None:
        """The largest of each number; None without /proc."""
        return _each(max, self._footprints)

    def usual(self) -> Footprint | None:
        """The median of each number; None without /proc."""
        return _each(statistics.median_high, self._footprints)

    @property
    def _footprints(self) -> list[Footprint]:
        return [one.footprint for one in self.samples if one.footprint]


def _each(pick: Callable[[list[Any]], Any], some: Sequence[Footprint]) -> Footprint | None:
    return Footprint(*(pick([getattr(one, part.name) for one in some]) for part in fields(Footprint))) if some else None


def footprint(pid: int) -> Footprint:
    """What a server takes now."""
    processes = [pid, *descendants(pid)]
    found = [status for one in processes if (status := _status(one))]
    own = found[0]
    unshared = [one["unshared"] for one in found]
    workers = unshared[2:]  # the server starts what starts them
    shared = max(one["RssFile"] for one in found)
    return Footprint(
        rss=own["VmRSS"] / 1e3,
        rss_peak=own["VmHWM"] / 1e3,
        rss_sum=sum(one["VmRSS"] for one in found) / 1e3,
        # Other servers on this machine share the libraries' pages, too, so that the Pss of files says nothing here.
        together=(sum(unshared) + shared) / 1e3,
        warm=(sum(unshared[:2]) + len(workers) * max(workers, default=0) + shared) / 1e3,
        threads=sum(one["Threads"] for one in found),
        descriptors=sum(one["descriptors"] for one in found),
        processes=len(found),
    )


@contextmanager
def watching(address: str, pid: int) -> Iterator[Watch]:
    """Asks for the health, and looks at the server's process, again and again until the block ends.

    From a process of its own: among the threads of a crowd it would measure how long it waits for its own turn.
    """
    seen = Watch()
    command = [sys.executable, "-m", "tests.support.watch", address, str(pid)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdin
        assert watcher.stdout
        seen.samples.append(_read(watcher.stdout.readline()))  # it has begun
        reader = threading.Thread(target=lambda: seen.samples.extend(map(_read, watcher.stdout or [])))
        reader.start()
        try:
            yield seen
        finally:
            watcher.stdin.close()
            reader.join()


def _read(line: str) -> Sample:
    found = json.loads(line)
    return Sample(**{**found, "footprint": found["footprint"] and Footprint(**found["footprint"])})


def main() -> None:
    """Prints a sample as a line of JSON many times a second, until its input ends."""
    address, pid = sys.argv[1], int(sys.argv[2])
    ended = threading.Event()

    def wait_for_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_end, daemon=True).start()
    while not ended.is_set():
        checks, slowest, unhealthy, end = 0, 0.0, [], time.perf_counter() + _SAMPLE
        while not checks or time.perf_counter() < end:
            start = time.perf_counter()
            try:
                status = _get(address, "/healthz")
                if status != 200:
                    unhealthy.append(str(status))
            except OSError as error:
                unhealthy.append(repr(error))
            slowest, checks = max(slowest, time.perf_counter() - start), checks + 1
            ended.wait(_PAUSE)
        sample = Sample(checks, slowest, unhealthy, footprint(pid) if HAS_PROC else None)
        print(json.dumps(asdict(sample)), flush=True)


def _get(address: str, path: str) -> int:
    """The status, over a connection of its own, as an orchestrator's probe asks."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def _status(pid: int) -> dict[str, int] | None:
    """Memory in kB, threads and open descriptors of one process; None if it has ended."""
    folder = PROC / str(pid)
    try:
        found = _numbers(folder / "status")
        if "VmRSS" not in found:  # it has ended, and nobody has asked how yet
            return None
        found["descriptors"] = _descriptors(folder / "fd")
    except OSError:
        return None
    found["unshared"] = found["VmRSS"] - found["RssFile"]
    try:
        parts = _numbers(folder / "smaps_rollup")
        found["unshared"] = parts["Pss_Anon"] + parts["Pss_Shmem"]
    except (OSError, KeyError):
        pass
    return found


def _descriptors(folder: Path) -> int:
    try:
        return sum(1 for _ in folder.iterdir())
    except PermissionError:  # a process without core dumps hides them from all but root; Linux 6.2 tells their number
        return folder.stat().st_size


def _numbers(file: Path) -> dict[str, int]:
    found = {}
    for line in file.read_text().splitlines():
        name, _, rest = line.partition(":")
        first = rest.split()[:1]
        if first and first[0].isdigit():
            found[name] = int(first[0])
    return found


def descendants(pid: int) -> list[int]:
    """The processes that a process started, and those that these started."""
    parents: dict[int, int] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything, brackets and blanks included.
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


if __name__ == "__main__":
    main()
