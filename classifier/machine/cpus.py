"""How many CPUs this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path

from classifier.machine.cgroup import ROOT, cpu_quotas

_VARIABLE = "CLASSIFIER_CPUS"
"""The setting, read here since decoders and others ask, too, that read no settings; `classifier.settings` checks it."""


def cpu_count(root: Path = ROOT) -> int:
    """CPUs this process may use: the smallest of its CPU set, its quota, rounded up, and the setting; at least 1.

    Args:
        root: where `/proc` and `/sys` are.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    named = os.environ.get(_VARIABLE, "")
    own = [int(named)] if named.isascii() and named.isdigit() else []
    return max(1, min([allowed, *own, *(math.ceil(quota) for quota in cpu_quotas(root))]))
