"""The CPU time and memory that the cgroups of this process allow, which may be less than the host has.

Containers limit CPU time by a cgroup quota that `os.cpu_count()` does not see; with the host's count, many threads
would compete for little time. Both cgroup versions are read, from this process's own group up to the root, since any
of these groups may have the tightest limit.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
"""Where `/proc` and `/sys` are; tests pass a folder of their own."""


def cpu_quotas(root: Path = ROOT) -> Iterator[float]:
    """The CPU quota of each group that sets one, as a number of CPUs."""
    yield from _quotas_v2(root)
    yield from _quotas_v1(root)


def memory_room(root: Path = ROOT) -> Iterator[int]:
    """The bytes that are left below the memory limit, for each group that has one."""
    for folder in _folders(root, "", "memory"):
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            bound, used = _number(folder / limit), _number(folder / usage)
            if bound is not None and used is not None:
                yield max(0, bound - used + _reclaimable(folder))


def lines(file: Path) -> list[str]:
    """The lines of one of the kernel's files; an empty list if it cannot be read."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _quotas_v2(root: Path) -> Iterator[float]:
    for folder in _folders(root, ""):
        for line in lines(folder / "cpu.max"):
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
    for line in lines(root / "proc/self/cgroup"):
        _, names, path = line.split(":", 2)
        for controller in controllers:
            if controller not in names.split(","):
                continue
            # Inside a container the path may be the host's, with only the root of the mount visible. Folders that
            # do not exist do no harm: no file can be read there, and the loop always ends with the mount itself.
            for base in [mount] if controller == "" else [mount / names, mount / controller]:
                inner = base / path.strip("/")
                while inner != base:
                    yield inner
                    inner = inner.parent
                yield base


def _reclaimable(folder: Path) -> int:
    """Bytes of page cache that count as used, but that the kernel frees when memory gets short."""
    stat = dict(line.split(maxsplit=1) for line in lines(folder / "memory.stat") if " " in line)
    # In version 1, usage includes the groups below, but `inactive_file` does not; `total_inactive_file` does.
    return int(stat.get("total_inactive_file") or stat.get("inactive_file") or 0)


def _number(file: Path) -> int | None:
    text = "".join(lines(file))
    return int(text) if text.lstrip("-").isdigit() else None
