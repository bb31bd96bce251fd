"""Decoding processes as their tests start them, and look at them from outside."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Bounds, Workers
from tests.support.watch import HAS_PROC

LIMITS = Limits()
GEOMETRY = Geometry((224, 224), 0.875, "bicubic")
TIGHT = Bounds(memory=300_000_000, cpu_seconds=0.5, seconds=8)
linux = pytest.mark.skipif(not HAS_PROC, reason="memory is bounded on Linux only")


def children(process: int) -> set[int]:
    """The processes that a process started."""
    return {int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()}


def fork_server(pool: Workers) -> subprocess.Popen[bytes]:
    """The process that forks a pool's workers."""
    found = pool._fork_server
    assert found
    return found.process


def workers_of(pool: Workers) -> set[int]:
    """A pool's workers that have not ended."""
    return {child for child in children(fork_server(pool).pid) if state(child) != "Z"}


def state(process: int) -> str:
    """The kernel's letter for what a process does: T if it is stopped, Z if it has ended; "" if there is none."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""
