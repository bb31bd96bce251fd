"""How much memory this process may still take."""

from __future__ import annotations

from pathlib import Path

from classifier.machine.cgroup import ROOT, lines, memory_room


def available_memory(root: Path = ROOT) -> int | None:
    """Bytes that can still be taken before the cgroup's or the machine's memory runs out; None if unknown.

    Args:
        root: where `/proc` and `/sys` are.
    """
    room = list(memory_room(root))
    for line in lines(root / "proc/meminfo"):
        if line.startswith("MemAvailable:"):
            room.append(int(line.split()[1]) * 1024)
    return min(room, default=None)


def free_memory(reserve: int) -> int | None:
    """`available_memory` less what is reserved, but not less than nothing; None if unknown."""
    available = available_memory()
    return None if available is None else max(0, available - reserve)
