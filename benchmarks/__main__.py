"""`python -m benchmarks [ROW...]`: runs the comparisons and writes the table to `benchmarks/results/`."""

from __future__ import annotations

import argparse

from benchmarks import beside, rows, visits
from benchmarks.measure import Row
from benchmarks.table import save

PLAIN = (
    rows.from_bytes_to_labels,
    rows.model_only,
    rows.tensorflow_backend,
    rows.folder,
    rows.isolation,
    rows.scaled_decoding,
    rows.requests,
    rows.first_bars,
)
PEERS = (beside.one_caller, beside.eight_callers, visits.first_visit)
GROUPS = {kind: {way.__name__: way for way in ways} for kind, ways in (("", PLAIN), ("peers", PEERS))}
"""Rows by the folder of their results: those against the plain way, and those beside what others made."""


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed as ratios.")
    names = [name for ways in GROUPS.values() for name in ways]
    about = f"of {', '.join(names)}; or peers, for {', '.join(GROUPS['peers'])}; all if none"
    parser.add_argument("rows", nargs="*", choices=[*names, "peers", []], metavar="ROW", help=about)
    parser.add_argument("--rounds", type=int, default=30, help="how often each way is run")
    args = parser.parse_args()
    for kind, ways in GROUPS.items():
        wanted = [name for name in ways if not args.rows or name in args.rows or kind in args.rows]
        lines = ["| what | ours | against | times faster | promised |", "|---|---|---|---|---|"]
        if wanted:
            print("\n".join(lines), flush=True)
        for name in wanted:
            for row in ways[name](args.rounds):
                lines.append(_line(row))
                print(lines[-1], flush=True)
        if wanted == list(ways):
            save(f"make bench{' ARGS=peers' if kind in args.rows else ''}", lines, kind)


def _line(row: Row) -> str:
    wanted = (
        "reported" if row.wanted is None else f"{row.wanted:g} x{'' if row.ratio >= row.wanted else ', NOT REACHED'}"
    )
    return f"| {row.what} | {row.ours} | {row.against} | {row.ratio:.2f} x | {wanted} |"


if __name__ == "__main__":
    main()
