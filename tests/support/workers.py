"""Decoding processes as their tests start them, and look at them from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from classifier.picture.geometry import Geometry
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Bounds
from tests.support.watch import HAS_PROC

LIMITS = Limits()
GEOMETRY = Geometry((224, 224), 0.875, "bicubic")
TIGHT = Bounds(memory=300_000_000, cpu_seconds=0.5, seconds=1.5)
linux = pytest.mark.skipif(not HAS_PROC, reason="memory is bounded on Linux only")


def children(process: int) -> set[int]:
    """The processes that a process started."""
    return {int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()}
