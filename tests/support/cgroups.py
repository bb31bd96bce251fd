"""Trees of files as the kernel shows them, for what reads CPUs and memory there."""

from __future__ import annotations

from pathlib import Path

MIB = 1 << 20
CPUS = 8


def write(root: Path, files: dict[str, str]) -> Path:
    """Writes each file, a line, below a root of their own."""
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content + "\n")
    return root
