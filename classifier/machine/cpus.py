"""How many CPUs this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from classifier.machine.cgroup import ROOT, cpu_quotas


def cpu_count(root: Path = ROOT) -> int:
    """CPUs this process may use: the smaller of its CPU set and its quota, rounded up, at least 1.

    Args:
        root: where `/proc` and `/sys` are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(math.ceil(quota) for quota in cpu_quotas(root))]))
