"""What `evaluate` and `calibrate` share: pictures whose classes are known, run through a model."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

from rich.console import Console

from classifier.classifier import Classifier
from classifier.cli.report import Screen
from classifier.evaluation.dataset import Dataset, read_dataset
from classifier.evaluation.measure import Classes, Failure, scored
from classifier.evaluation.naming import read_names
from classifier.formatting import printable
from classifier.inputs import code_and_sentence
from classifier.package import ModelPackage
from classifier.result import Scores

Kept = TypeVar("Kept")


def dataset(package: ModelPackage, folder: str, names: str | None, *, skip_unknown: bool = False) -> Dataset:
    """The dataset that the command line names.

    Args:
        package: the model.
        folder: the folder or CSV file.
        names: a file with further names for the classes, or None.
        skip_unknown: as for `read_dataset`.

    Raises:
        InputError: there is nothing to measure, or a class that is not the model's.
    """
    further = read_names(names, package.manifest.output.classes) if names else ()
    return read_dataset(folder, package, further, skip_unknown=skip_unknown)


def collect(
    classifier: Classifier, pictures: Dataset, keep: Callable[[str, Classes, Scores], Kept], *, features: bool = False
) -> tuple[list[Kept], list[Failure]]:
    """Runs a model on all pictures; reports each failure as it comes.

    Args:
        classifier: the loaded model.
        pictures: what to run it on.
        keep: called with a file, its classes and its scores; returns what is to be kept of them.
        features: whether the scores are to come with features.

    Returns:
        What was kept of each picture, and the pictures that failed.
    """
    kept: list[Kept] = []
    failures: list[Failure] = []
    terminal = Console(stderr=True, highlight=False) if sys.stderr and sys.stderr.isatty() else None
    with Screen(len(pictures.entries), terminal) as screen:
        for file, truth, found in scored(classifier, pictures, features=features):
            if isinstance(found, Exception):
                failures.append(Failure(file, found))
                screen.say(f"{printable(file)}: {code_and_sentence(found)[1]}")
            else:
                kept.append(keep(file, truth, found))
            screen.advance()
    return kept, failures
