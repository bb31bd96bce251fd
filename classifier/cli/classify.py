"""`classifier classify`: results in the form that was asked for, or that fits where they go."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from classifier.classifier import Classifier
from classifier.cli import report
from classifier.inputs import classify_entries, code_and_sentence, expand, shown


def classify(classifier: Classifier, args: argparse.Namespace) -> int:
    """Classifies files and writes each result as it comes.

    Args:
        classifier: the loaded model.
        args: `files`, `top_k`, `lang`, `json` and `csv`.

    Returns:
        The exit status: 1 when a file could not be classified.

    Raises:
        ParameterError: `top_k` or `lang` is out of range.
    """
    entries = expand(args.files)
    results = classify_entries(classifier, entries, args.top_k, args.lang)

    machine = args.json or args.csv
    terminal = None
    if sys.stdout.isatty() and not machine:
        terminal = Console(highlight=False)
    elif sys.stderr and sys.stderr.isatty() and not sys.stdout.isatty():
        terminal = Console(stderr=True, highlight=False)
    writer: report.Report | None = None
    failed = False
    with report.Screen(len(entries), terminal if len(entries) > 1 else None) as screen:
        for name, result in results:
            if writer is None:  # not before the arguments have proved right
                if args.json:
                    writer = report.JsonReport(classifier.package.name)
                elif args.csv:
                    writer = report.CsvReport()
                elif terminal and sys.stdout.isatty():
                    writer = report.BarReport(terminal)
                else:
                    writer = report.TextReport()
            if isinstance(result, Exception):
                failed = True
                code, detail = code_and_sentence(result)
                screen.say(f"{shown(name)}: {detail}")
                writer.failure(name, code, detail)
            else:
                writer.result(name, result)
            screen.advance()
    if writer:
        writer.end()
    return int(failed)
