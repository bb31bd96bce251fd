"""`classifier evaluate` and `classifier calibrate`: pictures whose classes are known, run through a model."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
from rich.console import Console

from classifier.classifier import Classifier, Scores
from classifier.cli import report, summary
from classifier.errors import InputError, ParameterError
from classifier.evaluation import calibration, html
from classifier.evaluation.dataset import Dataset, read_dataset
from classifier.evaluation.measure import Failure, answer, scored
from classifier.evaluation.naming import read_names
from classifier.evaluation.result import Evaluation
from classifier.inputs import code_and_sentence, shown
from classifier.package import MANIFEST, ModelPackage
from classifier.package.temperature import set_temperature

Kept = TypeVar("Kept")


def evaluate(classifier: Classifier, args: argparse.Namespace) -> int:
    """Measures a model; prints a summary, and writes what was asked for.

    Args:
        classifier: the loaded model.
        args: `folder`, `labels`, `lang`, `json` and `html`.

    Returns:
        The exit status: 1 when a picture could not be classified.

    Raises:
        InputError: the dataset holds nothing to measure, or a class that is not the model's.
        ParameterError: the package has no labels in that language, or a file cannot be written there.
    """
    package = classifier.package
    package.check_language(args.lang)
    for file in filter(None, (args.json, args.html)):
        if file != "-" and (os.path.isdir(file) or not os.path.isdir(os.path.dirname(file) or ".")):
            raise ParameterError(f"{file} cannot be written: name a file in a folder that is there.")
    dataset = _dataset(package, args)
    answers, failures = _collect(classifier, dataset, answer)
    found = Evaluation(dataset.name, dataset.skipped, package, classifier.backend, classifier.device, answers, failures)
    if args.html:
        pictures = html.thumbnails(found, classifier.decoder, classifier.settings.max_bytes)
        _write(args.html, html.render(found, pictures, args.lang))
    if args.json == "-":
        print(report.to_json(found.to_dict(args.lang), indent=1))
    else:
        if args.json:
            _write(args.json, json.dumps(found.to_dict(args.lang), ensure_ascii=False, indent=1) + "\n")
        print("\n".join(summary.evaluation(found, args.lang)))
    return int(bool(failures))


def calibrate(classifier: Classifier, args: argparse.Namespace) -> int:
    """Fits a temperature; prints what it changes, and writes it into the package if asked to.

    Args:
        classifier: the loaded model.
        args: `folder`, `labels` and `write`.

    Returns:
        The exit status: 1 when a picture could not be classified.

    Raises:
        InputError: the dataset holds nothing to fit to, or a class that is not the model's.
        PackageError: the temperature cannot be put into the package.
        OSError: the package cannot be written.
    """
    package = classifier.package
    dataset = _dataset(package, args)
    kept, failures = _collect(classifier, dataset, lambda file, truth, found: (truth, found.log_scores))
    if not kept:
        raise InputError(f"{dataset.name}: none of its pictures could be classified.")
    truths = np.array([truth for truth, _ in kept])
    found = calibration.calibrate(np.stack([scores for _, scores in kept]), truths, package.manifest.output.temperature)
    print("\n".join(summary.calibration(found, package, dataset.name)))
    if args.write:
        set_temperature(package.folder, found.after.temperature)
        print(f"Written to {_nearby(package)}. A server that runs takes it when it starts again.")
    else:
        print(f"Nothing was written; --write puts it into {_nearby(package)}.")
    return int(bool(failures))


def _dataset(package: ModelPackage, args: argparse.Namespace) -> Dataset:
    further = read_names(args.labels, package.manifest.output.classes) if args.labels else ()
    return read_dataset(args.folder, package, further)


def _collect(
    classifier: Classifier, dataset: Dataset, keep: Callable[[str, int, Scores], Kept]
) -> tuple[list[Kept], list[Failure]]:
    """What is to be kept of each picture, and the pictures that failed, which are said as they come."""
    kept: list[Kept] = []
    failures: list[Failure] = []
    terminal = Console(stderr=True, highlight=False) if sys.stderr and sys.stderr.isatty() else None
    with report.Screen(len(dataset.entries), terminal) as screen:
        for file, truth, found in scored(classifier, dataset):
            if isinstance(found, Exception):
                failures.append(Failure(file, found))
                screen.say(f"{shown(file)}: {code_and_sentence(found)[1]}")
            else:
                kept.append(keep(file, truth, found))
            screen.advance()
    return kept, failures


def _nearby(package: ModelPackage) -> Path:
    """The package's `model.toml`, from here if it is below."""
    file, here = (package.folder / MANIFEST).absolute(), Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def _write(file: str, text: str) -> None:
    try:
        # What a file's name holds beside text is escaped, as JSON does it.
        Path(file).write_text(text, "utf-8", "backslashreplace")
    except OSError as error:
        raise OSError(f"{file} cannot be written: {error.strerror}") from error
