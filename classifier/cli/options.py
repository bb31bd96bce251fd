"""Arguments that several commands have, and the checks of their values."""

from __future__ import annotations

import argparse

from classifier.formatting import whole_number
from classifier.views import VIEWS

TRUST = "load files that can run code: .h5 files, Lambda layers"
"""What `--trust` does."""

DATASET = "a folder with one sub-folder of pictures per class, or a CSV file of path,label"
"""What names pictures whose classes are known."""

_MODEL = "a model package: its name, or the path of its folder or of a model file"


def add_model(parser: argparse.ArgumentParser) -> None:
    """Declares `--model`."""
    parser.add_argument("--model", help=_MODEL)


def add_view(parser: argparse.ArgumentParser) -> None:
    """Declares `--view`."""
    seen = "what the model sees: the centre crop, the whole picture on grey, or both, whose scores are averaged"
    parser.add_argument("--view", choices=VIEWS, help=seen)


def add_model_and_dataset(parser: argparse.ArgumentParser) -> None:
    """Declares the two positional arguments of commands that run a model on pictures whose classes are known."""
    parser.add_argument("model", metavar="MODEL", help=_MODEL)
    parser.add_argument("folder", metavar="FOLDER", help=DATASET)


def add_class_names(parser: argparse.ArgumentParser) -> None:
    """Declares `--labels` and `--skip-unknown`: what the names of a dataset's classes stand for."""
    names = "one more name for each class, a line each in index order, such as WordNet ids"
    parser.add_argument("--labels", metavar="FILE", help=names)
    skip = "leave out, and count, pictures of classes that the model lacks"
    parser.add_argument("--skip-unknown", action="store_true", help=skip)


def coverage(text: str) -> float:
    """The share of pictures whose set is to hold the right class.

    Raises:
        argparse.ArgumentTypeError: the text is not one that can be asked for.
    """
    from classifier.evaluation.conformal import HIGHEST, LOWEST  # NumPy, which `--help` does not need

    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not LOWEST <= value <= HIGHEST:
        raise argparse.ArgumentTypeError(f"must be a share from {LOWEST:g} to {HIGHEST:g}, such as 0.9, not {text!r}")
    return value


def share(text: str) -> float:
    """A share from 0 to 1.

    Raises:
        argparse.ArgumentTypeError: the text is not such a number.
    """
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 1, not {text!r}")
    return value


def positive(text: str) -> int:
    """A whole number from 1.

    Raises:
        argparse.ArgumentTypeError: the text is not such a number.
    """
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return value


def port(text: str) -> int:
    """The number of a port.

    Raises:
        argparse.ArgumentTypeError: the text is not such a number.
    """
    value = whole_number(text, 65535)
    if value is None:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to 65535, not {text!r}")
    return value
