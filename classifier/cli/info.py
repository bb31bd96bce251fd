"""`classifier info`: version, models, the backend that would run the default model, and limits."""

from __future__ import annotations

import argparse

NAME = "info"
ABOUT = "Show version, models, backend and limits"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Prints what is installed and what would be used.

    Returns:
        The exit status: 1 when the default model cannot be loaded.

    Raises:
        ParameterError: a setting is wrong.
    """
    from classifier.cli.inventory import gather, lines
    from classifier.cli.quiet import without_notice
    from classifier.cli.report import to_json
    from classifier.settings import read_settings

    settings = read_settings()
    with without_notice():
        found = gather(settings)
    print(to_json(found, indent=2) if args.json else "\n".join(lines(found)))
    return int("error" in found)
