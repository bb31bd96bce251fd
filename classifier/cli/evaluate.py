"""`classifier evaluate`: how good a model is, as a summary and, where asked for, as JSON and HTML."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from classifier.cli import options
from classifier.errors import ParameterError
from classifier.machine import files

if TYPE_CHECKING:
    from classifier.classifier import Classifier

NAME = "evaluate"
ABOUT = "Measure how good a model is on pictures whose classes are known"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's arguments."""
    options.add_model_and_dataset(parser)
    parser.add_argument("--json", metavar="FILE", help="write all numbers as JSON; - for standard output")
    parser.add_argument("--html", metavar="FILE", help="write a report with plots and pictures, all in one file")
    parser.add_argument("--lang", help="language of the labels and of the HTML report, such as en or zh")
    options.add_class_names(parser)


def run(args: argparse.Namespace) -> int:
    """Measures a model; prints a summary, and writes what was asked for.

    Returns:
        The exit status: 1 when a picture could not be classified.

    Raises:
        InputError: the dataset holds nothing to measure, or a class that is not the model's.
        ParameterError: the package has no labels in that language, or a file cannot be written there.
    """
    from classifier.cli.loading import loaded_model

    with loaded_model(args.model) as classifier:
        return _evaluate(classifier, args)


def _evaluate(classifier: Classifier, args: argparse.Namespace) -> int:
    import json

    from classifier.cli import measuring, report, summary
    from classifier.evaluation import html
    from classifier.evaluation.measure import answer
    from classifier.evaluation.result import Evaluation

    package = classifier.package
    package.check_language(args.lang)
    for file in filter(None, (args.json, args.html)):
        if file != "-":
            with files.refusing(ParameterError, file, writing=True):  # now, and not after all the work
                files.check_writable(Path(file))
    dataset = measuring.dataset(package, args.folder, args.labels)
    answers, failures = measuring.collect(classifier, dataset, answer)
    found = Evaluation(dataset.name, dataset.skipped, package, classifier.backend, classifier.device, answers, failures)
    try:
        if args.html:
            pictures = html.thumbnails(found, classifier.decoder, classifier.settings.max_bytes)
            _write(args.html, html.render(found, pictures, args.lang))
        if args.json and args.json != "-":
            _write(args.json, json.dumps(found.to_dict(args.lang), ensure_ascii=False, indent=1) + "\n")
    finally:  # where the disk is full, at least the summary is not lost
        if args.json == "-":
            print(report.to_json(found.to_dict(args.lang), indent=1))
        else:
            print("\n".join(summary.evaluation(found, args.lang)))
    return int(bool(failures))


def _write(file: str, text: str) -> None:
    try:
        # The text has names of files; bytes in them that are not UTF-8 are escaped, as in JSON.
        Path(file).write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        raise OSError(files.sentence(error, file, writing=True)) from error
