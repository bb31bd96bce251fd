"""Runs Locust's users against a target and reads what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.load.targets import Target
from benchmarks.pictures import mosaic_jpeg
from classifier.checkout import ROOT

SIZES = {"small": (640, 480), "large": (4000, 3000)}
"""Width and height in pixels of the pictures that are sent."""

GAP = 2.0
"""Mean of the seconds between two requests of one caller where arrivals have a rate: longer than answers should take,
or callers would wait for each other."""

WARM_UP = 3.0
"""Seconds at the beginning that do not count."""

FILL_UP = 8.0
"""The same where arrivals have a rate: too many first fill a queue, whose pictures wait longer than all after them."""

OVERFLOW = 20.0
"""The same where more arrive than can be answered: several slow servers have as many queues, which all fill first."""


@cache
def pictures() -> dict[str, bytes]:
    """The files that are sent, by the names in `SIZES`."""
    return {kind: mosaic_jpeg(*size) for kind, size in SIZES.items()}


@dataclass(frozen=True)
class Outcome:
    """What came of one load.

    Attributes:
        seconds: for how long it was watched.
        waited: ms for each request that was answered, by what it was, sorted.
        refused: requests that were told to come back.
        failures: what all others were told.
        cpu: seconds of CPU that the target took for an answer, its refusals included; None if not known.
    """

    seconds: float
    waited: dict[str, list[float]]
    refused: int
    failures: Sequence[str]
    cpu: float | None

    def rate(self, kind: str) -> float:
        """Answers a second."""
        return len(self.waited.get(kind, ())) / self.seconds

    def percentile(self, kind: str, share: float) -> float:
        """The ms that such a share of the answers did not exceed."""
        values = self.waited.get(kind) or [float("nan")]
        return values[min(len(values) - 1, int(len(values) * share))]


def closed(target: Target, seconds: float, **counts: int) -> Outcome:
    """So many users of each kind (`small`, `large`, `visitors`), each of whom waits for an answer before the next."""
    kinds = {"small": "Small", "large": "Large", "visitors": "Visitor"}
    environment = {kind.upper(): str(count) for kind, count in counts.items()}
    return _run(target, seconds, sum(counts.values()), [kinds[kind] for kind in counts], environment)


def arriving(target: Target, seconds: float, rate: float, warm_up: float = FILL_UP) -> Outcome:
    """Small pictures at such a rate in the second, however many have been answered."""
    users = max(1, round(rate * GAP))
    return _run(target, seconds, users, ["Small"], {"SMALL": str(users), "RATE": str(rate)}, warm_up)


def _run(
    target: Target,
    seconds: float,
    users: int,
    classes: Sequence[str],
    environment: dict[str, str],
    warm_up: float = WARM_UP,
) -> Outcome:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, picture in pictures().items():
            (folder / f"{kind}.jpg").write_bytes(picture)
        record = folder / "record.jsonl"
        command = [sys.executable, "-m", "locust", "-f", str(ROOT / "benchmarks/load/users.py"), "--headless"]
        command += ["--host", target.address, "--users", str(users), "--spawn-rate", str(users)]
        command += ["--run-time", f"{seconds + warm_up:.0f}s", "--stop-timeout", "60", "--only-summary", *classes]
        paths = {"PICTURES": name, "RECORD": str(record), "PYTHONPATH": str(ROOT)}
        before, start = target.cpu() if target.cpu else None, time.time()
        ended = subprocess.run(command, env={**os.environ, **environment, **paths}, capture_output=True, text=True)
        after = target.cpu() if target.cpu else None
        rows = [json.loads(line) for line in record.read_text("utf-8").splitlines()]
    if not rows:
        raise RuntimeError(f"Locust sent nothing:\n{ended.stderr[-2000:]}")
    answers = sum("refused" not in row[1] and not row[3] for row in rows)
    cpu = None if before is None or after is None else (after - before) / max(1, answers)
    begin = max(start, rows[0][0] - rows[0][2] / 1000) + warm_up
    counted = [row for row in rows if row[1].startswith("page") or begin <= row[0] <= begin + seconds]
    waited: dict[str, list[float]] = {}
    for _, kind, taken, failure in counted:
        if not failure and "refused" not in kind:
            waited.setdefault(kind, []).append(taken)
    return Outcome(
        seconds,
        {kind: sorted(values) for kind, values in waited.items()},
        sum("refused" in row[1] for row in counted),
        [row[3] for row in rows if row[3]],
        cpu,
    )
