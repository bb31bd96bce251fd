"""`python -m benchmarks [ROW...]`: runs the comparisons and writes the table to `benchmarks/results/`."""

from __future__ import annotations

import argparse
import platform
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import rows
from benchmarks.measure import Row
from classifier.resources import cpu_count

ROWS = {
    function.__name__: function
    for function in (
        rows.from_bytes_to_labels,
        rows.model_only,
        rows.tensorflow_backend,
        rows.folder,
        rows.isolation,
        rows.requests,
        rows.first_bars,
    )
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed as ratios.")
    parser.add_argument(
        "rows", nargs="*", choices=[*ROWS, []], metavar="ROW", help=f"of {', '.join(ROWS)}; all if none"
    )
    parser.add_argument("--rounds", type=int, default=30, help="how often each way is run")
    args = parser.parse_args()
    lines = ["| what | ours | against | times faster | promised |", "|---|---|---|---|---|"]
    print("\n".join(lines), flush=True)
    for name in args.rows or ROWS:
        for row in ROWS[name](args.rounds):
            lines.append(_line(row))
            print(lines[-1], flush=True)
    if not args.rows:
        file = result_file(RESULTS)
        file.write_text(f"{about_here('make bench')}\n\n" + "\n".join(lines) + "\n", "utf-8")
        print(f"written to {file}")


def result_file(folder: Path) -> Path:
    """Where today's results of this machine belong."""
    return folder / f"{datetime.now(UTC):%Y-%m-%d}-{platform.system().lower()}-{platform.machine()}.md"


def about_here(command: str) -> str:
    """When, by what and on which machine something is measured."""
    about = f"{_processor()}, {cpu_count()} CPUs, {platform.system()}, Python {platform.python_version()}"
    return f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{command}`: {about}."


def _line(row: Row) -> str:
    wanted = (
        "reported" if row.wanted is None else f"{row.wanted:g} x{'' if row.ratio >= row.wanted else ', NOT REACHED'}"
    )
    return f"| {row.what} | {row.ours} | {row.against} | {row.ratio:.2f} x | {wanted} |"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
