"""The CPU time and memory that the cgroups of this process allow, which may be less than the host has.

Containers limit CPU time by a cgroup quota that `os.cpu_count()` does not see; with the host's count, many threads
would compete for little time. Both cgroup versions are read, from this process's own group up to the root, since any
of these groups may have the tightest limit. A file that is missing, or that says what no kernel does, sets none.
Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from classifier.formatting import whole_number

_MOST = 2**64  # the kernel's counters have 64 bits

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
        return file.read_text("utf-8", "replace").splitlines()
    except (OSError, ValueError):  # the second for a path that no file can have
        return []


def number(text: str) -> int | None:
    """A number as the kernel writes it; None for anything else."""
    return whole_number(text.strip(), _MOST)


def _quotas_v2(root: Path) -> Iterator[float]:
    for folder in _folders(root, ""):
        for line in lines(folder / "cpu.max"):
            first, _, second = line.partition(" ")
            quota, period = number(first), number(second)  # the first is `max` where there is no limit
            if quota is not None and period:
                yield quota / period


def _quotas_v1(root: Path) -> Iterator[float]:
    for folder in _folders(root, "cpu"):
        quota, period = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
        if quota and period:  # the quota is -1 where there is no limit
            yield quota / period


def _folders(root: Path, *controllers: str) -> Iterator[Path]:
    """This process's cgroup folders for the controllers ("" is version 2), innermost first."""
    mount = root / "sys/fs/cgroup"
    for line in lines(root / "proc/self/cgroup"):
        _, names, path = (*line.split(":", 2), "", "")[:3]
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
    stat = {name: number(value) for name, _, value in (line.partition(" ") for line in lines(folder / "memory.stat"))}
    # In version 1, usage includes the groups below, but `inactive_file` does not; `total_inactive_file` does.
    return stat.get("total_inactive_file") or stat.get("inactive_file") or 0


def _number(file: Path) -> int | None:
    return number("".join(lines(file)))
