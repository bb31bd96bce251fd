"""`classifier doctor`: what is wrong with this installation or a model, and how to mend it."""

from __future__ import annotations

import argparse
import os
import sys

from classifier.cli import options

NAME = "doctor"
ABOUT = "Find what is wrong with this installation, and how to mend it"

_COLOURS = {"ok": "32", "warn": "33", "fail": "31;1"}  # ANSI


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    options.add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints each finding as it is made.

    Returns:
        The exit status: 1 when a check failed.
    """
    import json
    from dataclasses import asdict

    from classifier.cli.doctor.examination import examine

    coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    checks = []
    for check in examine(args.model):
        checks.append(check)
        if not args.json:
            mark = f"\033[{_COLOURS[check.status]}m{check.status:4}\033[0m" if coloured else f"{check.status:4}"
            print(f"{mark}  {check.name}: {check.detail}")
            if check.remedy:
                print(f"      -> {check.remedy}")
            sys.stdout.flush()
    failed = any(check.status == "fail" for check in checks)
    if args.json:
        print(json.dumps({"ok": not failed, "checks": [asdict(check) for check in checks]}, indent=2))
    return int(failed)
