"""Tables of what was measured, kept in `benchmarks/results/` with the day and the machine."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

from classifier.resources import cpu_count

RESULTS = Path(__file__).parent / "results"


def save(prefix: str, by: str, lines: list[str]) -> None:
    """Writes a table, with a description of this machine.

    Args:
        prefix: of the file's name, which is the date's and the machine's.
        by: the command that made it.
        lines: of the table.
    """
    now = datetime.now(UTC)
    file = RESULTS / f"{prefix}{now:%Y-%m-%d}-{platform.system().lower()}-{platform.machine()}.md"
    about = f"{_processor()}, {cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}"
    file.write_text(f"Measured on {now:%Y-%m-%d} by {by}: {about}.\n\n" + "\n".join(lines) + "\n", "utf-8")
    print(f"written to {file}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
