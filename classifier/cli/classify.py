"""`classifier classify`: prints results in the form that is asked for, or that suits a terminal or a file."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from classifier.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from classifier.classifier import Classifier
    from classifier.cli.report import Report

NAME = "classify"
ABOUT = "Classify pictures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="a picture, a folder of pictures, or - for standard input",
    )
    parser.add_argument("--top-k", type=options.positive, metavar="K", help="labels per picture")
    options.add_model(parser)
    options.add_view(parser)
    parser.add_argument("--lang", help="language of the labels, such as en or zh")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one JSON document")
    columns = "file,rank,label,index,score,sure,error,reason,in_set,set_size"
    form.add_argument("--csv", action="store_true", help=f"print CSV: {columns}")


def run(args: argparse.Namespace) -> int:
    """Classifies files and writes each result as it comes.

    Returns:
        The exit status: 1 when a file could not be classified.

    Raises:
        ClassifierError: the model cannot be loaded, or `--top-k` or `--lang` is out of range.
    """
    from classifier.cli.loading import loaded_model

    with loaded_model(args.model, args.view) as classifier:
        return _classify(classifier, args)


def _classify(classifier: Classifier, args: argparse.Namespace) -> int:
    from classifier.cli.report import Screen
    from classifier.formatting import printable
    from classifier.inputs import classify_entries, code_and_sentence, expand

    entries = expand(args.files)
    terminal = _terminal(results_only=args.json or args.csv)
    writer: Report | None = None
    failed = False
    with Screen(len(entries), terminal if len(entries) > 1 else None) as screen:
        for name, result in classify_entries(classifier, entries, args.top_k, args.lang):
            # Made only now, so that a wrong `--top-k` or `--lang` is reported before anything is written.
            writer = writer or _writer(args, terminal, classifier.package.name)
            if isinstance(result, Exception):
                failed = True
                code, detail = code_and_sentence(result)
                screen.say(f"{printable(name)}: {detail}")
                writer.failure(name, code, detail)
            else:
                writer.result(name, result)
                for note in result.notes:
                    screen.say(f"{printable(name)}: {note.message}")
            screen.advance()
    if writer:
        writer.end()
    return int(failed)


def _terminal(*, results_only: bool) -> Console | None:
    """The terminal for the progress and, if it is standard output, for results with bars; None if there is none."""
    from rich.console import Console

    if sys.stdout.isatty():
        return None if results_only else Console(highlight=False)
    if sys.stderr and sys.stderr.isatty():
        return Console(stderr=True, highlight=False)
    return None


def _writer(args: argparse.Namespace, terminal: Console | None, model: str) -> Report:
    from classifier.cli import report

    if args.json:
        return report.JsonReport(model)
    if args.csv:
        return report.CsvReport()
    if terminal and sys.stdout.isatty():
        return report.BarReport(terminal)
    return report.TextReport()
