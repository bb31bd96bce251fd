"""What this process may use: CPUs and memory as the kernel limits them, not as the host has them.

Containers limit CPU time by a cgroup quota that `os.cpu_count()` does not see; using the host's count then makes
many threads fight for little time. Both cgroup versions are read, from this process's own group up to the root,
since any of them may hold the tightest limit.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT = Path("/")


def cpu_count(root: Path = _ROOT) -> int:
    """CPUs this process may use: the smaller of its CPU set and its quota, rounded up, at least 1.

    Args:
        root: where `/proc` and `/sys` are; tests pass a folder of their own.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [*_quotas_v2(root), *_quotas_v1(root)]
    return max(1, min([allowed, *(math.ceil(quota) for quota in quotas)]))


def available_memory(root: Path = _ROOT) -> int | None:
    """Bytes that can still be taken before the cgroup's or the machine's memory runs out; None if unknown."""
    room = []
    for folder in _folders(root, "", "memory"):
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            bound, used = _number(folder / limit), _number(folder / usage)
            if bound is not None and used is not None:
                room.append(max(0, bound - used + _reclaimable(folder)))
    for line in _lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            room.append(int(line.split()[1]) * 1024)
    return min(room, default=None)


def free_memory(reserve: int) -> int | None:
    """`available_memory` less what is reserved, but not less than nothing; None if unknown."""
    available = available_memory()
    return None if available is None else max(0, available - reserve)


def _quotas_v2(root: Path) -> Iterator[float]:
    for folder in _folders(root, ""):
        for line in _lines(folder / "cpu.max"):
            quota, _, period = line.partition(" ")
            if quota != "max" and period:
                yield int(quota) / int(period)


def _quotas_v1(root: Path) -> Iterator[float]:
    for folder in _folders(root, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period and quota > 0:
            yield quota / period


def _folders(root: Path, *controllers: str) -> Iterator[Path]:
    """This process's cgroup folders for the controllers ("" is version 2), innermost first."""
    mount = root / "sys/fs/cgroup"
    for line in _lines(root / "proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        for controller in controllers:
            if controller not in names.split(","):
                continue
            # Inside a container the path may be the host's, and only the mount's root be visible: the loop
            # passes over folders that are not there and always ends with the mount itself.
            for base in [mount] if controller == "" else [mount / names, mount / controller]:
                inner = base / path.strip("/")
                while inner != base:
                    yield inner
                    inner = inner.parent
                yield base


def _reclaimable(folder: Path) -> int:
    """Page cache that the kernel gives back under pressure, counted in a cgroup's usage."""
    stat = dict(line.split(maxsplit=1) for line in _lines(folder / "memory.stat") if " " in line)
    # Version 1 counts usage with the groups below, but `inactive_file` without them.
    return int(stat.get("total_inactive_file") or stat.get("inactive_file") or 0)


def _number(file: Path) -> int | None:
    text = "".join(_lines(file))
    return int(text) if text.lstrip("-").isdigit() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
