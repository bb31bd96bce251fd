"""`python -m benchmarks [ROW...]`: runs the comparisons and writes the table to `benchmarks/results/`."""

from __future__ import annotations

import argparse

from benchmarks import beside, rows, visits
from benchmarks.measure import Row
from benchmarks.table import save

ROWS = {
    function.__name__: function
    for function in (
        rows.from_bytes_to_labels,
        rows.model_only,
        rows.tensorflow_backend,
        rows.folder,
        rows.isolation,
        rows.scaled_decoding,
        rows.requests,
        rows.first_bars,
        beside.one_caller,
        beside.eight_callers,
        visits.first_visit,
    )
}


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
        save("make bench", lines)


def _line(row: Row) -> str:
    wanted = (
        "reported" if row.wanted is None else f"{row.wanted:g} x{'' if row.ratio >= row.wanted else ', NOT REACHED'}"
    )
    return f"| {row.what} | {row.ours} | {row.against} | {row.ratio:.2f} x | {wanted} |"


if __name__ == "__main__":
    main()
