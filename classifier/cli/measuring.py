"""What `evaluate` and `calibrate` share: pictures whose classes are known, run through a model."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from rich.console import Console

from classifier.classifier import Classifier
from classifier.cli.report import Screen
from classifier.errors import ClassifierError
from classifier.evaluation.dataset import Dataset, read_dataset
from classifier.evaluation.measure import Classes, Failure, scored
from classifier.evaluation.naming import read_names
from classifier.formatting import printable
from classifier.inputs import code_and_sentence
from classifier.package import ModelPackage
from classifier.result import Scores

Kept = TypeVar("Kept")
Fitted = TypeVar("Fitted", bound=tuple[str, int, *tuple[object, ...]])
"""The fingerprint of a picture's file, its class, and what else is fitted to."""


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
    found = scored(classifier, pictures, features=features)
    return sorted_out(
        len(pictures.entries),
        ((file, one if isinstance(one, Exception) else keep(file, truth, one)) for file, truth, one in found),
    )


def once(kept: Sequence[Fitted]) -> tuple[list[Fitted], list[str]]:
    """Each picture once, and what to say of the others: what is fitted to copies is fitted to few pictures."""
    found: dict[str, Fitted] = {}
    unread, again, contradictory = [], 0, 0
    for one in kept:
        if not one[0]:
            unread.append(one)
            continue
        first = found.setdefault(one[0], one)
        again += first is not one
        contradictory += first[1] != one[1]
    said = []
    if again:
        said.append(f"{again} of the pictures {'is' if again == 1 else 'are'} there more than once, and taken once.")
    if contradictory:
        said.append(
            f"{contradictory} of them with another class: classifier evaluate says which. At most one is right."
        )
    return [*found.values(), *unread], said


def sorted_out(
    total: int, results: Iterable[tuple[str, Kept | ClassifierError | OSError]]
) -> tuple[list[Kept], list[Failure]]:
    """Goes through the results of pictures as they come, shows how far it is, and reports each failure.

    Args:
        total: how many there will be.
        results: files, each with what is to be kept of it or its error.

    Returns:
        What was kept of each picture, and the pictures that failed.
    """
    kept: list[Kept] = []
    failures: list[Failure] = []
    terminal = Console(stderr=True, highlight=False) if sys.stderr and sys.stderr.isatty() else None
    with Screen(total, terminal) as screen:
        for file, result in results:
            if isinstance(result, ClassifierError | OSError):
                failures.append(Failure(file, result))
                screen.say(f"{printable(file)}: {code_and_sentence(result)[1]}")
            else:
                kept.append(result)
            screen.advance()
    return kept, failures
