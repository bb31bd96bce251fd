"""`python -m benchmarks.load [TARGET...]`: loads the server in each of its forms, and writes tables and plots.

Exits with 1 when a promise was not kept: a request failed; or, unless it was a short run, less than nine tenths of the
most was answered at twice the load, whoever was accepted then waited more than three times as long as without load, or
memory grew.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

from benchmarks.load import scenarios
from benchmarks.load.plots import draw
from benchmarks.load.scenarios import HEADS, Report
from benchmarks.load.targets import KINDS, Target, target
from benchmarks.table import save


def main() -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="Load the server with Locust.")
    about = f"{', '.join(KINDS)}, or NAME=ADDRESS of a server that runs already; process if none"
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=about)
    parser.add_argument("--seconds", type=float, default=15, help="how long each load is watched (default: 15)")
    parser.add_argument("--minutes", type=float, default=0, help="load it for so long at four fifths, too")
    parser.add_argument("--only", choices=HEADS, action="append", help="this table alone; may be given several times")
    parser.add_argument("--short", action="store_true", help="a few loads of each kind, and nothing written")
    args = parser.parse_args()
    if "lasting" in (args.only or ()) and not args.minutes:
        parser.error("--only lasting needs --minutes")
    seconds = 5 if args.short else args.seconds
    reports = [_load(name, seconds, args) for name in args.targets or ["process"]]
    if not args.short:
        lines: list[str] = []
        for table, head in HEADS.items():
            rows = [line for report in reports for line in report.lines(table)]
            if rows:
                lines += [*_head(head), *rows, ""]
        file = save("make load", lines, "load")
        draw(reports, file.with_suffix(""))
    # A few seconds on a machine that has other things to do say nothing about speed.
    broken = [text for report in reports for text in (report.failed + ([] if args.short else report.broken))]
    print("\n".join(broken), file=sys.stderr)
    sys.exit(bool(broken))


def _load(name: str, seconds: float, args: argparse.Namespace) -> Report:
    """Every kind of load on one target, or the one that is asked for."""
    kinds: dict[str, Callable[[Report, Target], None]] = {
        "callers": partial(scenarios.callers, seconds=seconds, short=args.short),
        "arrivals": partial(scenarios.arrivals, seconds=seconds, short=args.short),
        "mixed": partial(scenarios.mixed, seconds=seconds),
        "costs": scenarios.costs,
        "visitors": partial(scenarios.visitors, seconds=seconds, short=args.short),
        "lasting": partial(scenarios.lasting, minutes=args.minutes),
    }
    left_out = ({"mixed", "costs"} if args.short else set()) | (set() if args.minutes else {"lasting"})
    wanted = [kind for kind in kinds if (kind in args.only if args.only else kind not in left_out)]
    with target(name) as found:
        report = Report(found.name)
        print("\n".join(_head(HEADS[wanted[0]])))
        if "callers" not in wanted and not {"arrivals", "lasting"}.isdisjoint(wanted):
            scenarios.find_peak(report, found, seconds)
        for kind in wanted:
            kinds[kind](report, found)
        return report


def _head(titles: str) -> list[str]:
    line = titles.format(target="target")
    return [line, "|" + "---|" * (line.count("|") - 1)]


if __name__ == "__main__":
    main()
