"""Saves results, with a description of the machine that they are from."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from classifier.machine.cpus import cpu_count

RESULTS = Path(__file__).parent / "results"


def save(command: str, lines: Sequence[str], kind: str = "") -> Path:
    """Writes results to a new file named for the day and the machine.

    Args:
        command: the command that measured them.
        lines: what to write below the description of the machine.
        kind: the folder in `results/`.

    Returns:
        The file's path.
    """
    folder = RESULTS / kind
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now(UTC):%Y-%m-%d}-{platform.system().lower()}-{platform.machine()}"
    file, number = folder / f"{stem}.md", 2
    while file.exists():  # an earlier result is kept: a page of the docs may show it
        file, number = folder / f"{stem}-{number}.md", number + 1
    file.write_text("\n".join((_about_here(command), "", *lines, "")), "utf-8")
    print(f"written to {file}")
    return file


def _about_here(command: str) -> str:
    """A sentence with the date, the command and the machine of a measurement."""
    about = f"{_processor()}, {cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}"
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{command}`: {about}."


def _processor() -> str:
    """The processor's name and, for x86, its generation: clouds give many generations the same name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    said = {key.strip(): value for key, _, value in (line.partition(": ") for line in reversed(lines))}
    name = said.get("model name", platform.machine())
    if "cpu family" not in said:
        return name
    widest = next((kind for kind in ("avx512f", "avx2", "avx") if kind in said["flags"].split()), "no AVX")
    return f"{name} (family {said['cpu family']}, model {said['model']}, {widest.upper()})"
