"""Finds the class that a name stands for, as a folder or a CSV file of a dataset gives it, by the model's labels.

A name is a label in any of the package's languages, whatever its case, or the class's index. Nothing is guessed:
a name that stands for no class, or for several, is an error that says what it may have meant.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from classifier.errors import InputError
from classifier.formatting import whole_number
from classifier.package import ModelPackage, labels

_SHOWN = 5  # wrong names that one error lists


class ClassNames:
    """All names of a model's classes."""

    def __init__(self, package: ModelPackage, further: Sequence[str] = ()) -> None:
        """Args: package: the model; further: one more name for each class, in index order."""
        self._model = package.name
        self._count = package.manifest.output.classes
        self._indices: dict[str, set[int]] = defaultdict(set)
        self._spelt: dict[str, str] = {}
        for names in (*package.labels.values(), further):
            for index, label in enumerate(names):
                self._indices[_folded(label)].add(index)
                self._spelt.setdefault(_folded(label), label)

    def find(self, names: Iterable[str]) -> dict[str, int]:
        """The class index of each name.

        Raises:
            InputError: names those that stand for no class, or for several.
        """
        found: dict[str, int] = {}
        problems: list[str] = []
        for name in dict.fromkeys(names):
            indices = self._indices.get(_folded(name), set())
            if not indices and (index := whole_number(name.strip(), self._count - 1)) is not None:
                indices = {index}
            if len(indices) == 1:
                (found[name],) = indices
            else:
                problems.append(self._problem(name, indices))
        if problems:
            more = f" And {len(problems) - _SHOWN} more like that." if len(problems) > _SHOWN else ""
            raise InputError(
                f"{' '.join(problems[:_SHOWN])}{more} Use the labels of {self._model}, "
                f"or class indices from 0 to {self._count - 1}."
            )
        return found

    def _problem(self, name: str, indices: set[int]) -> str:
        if indices:
            return f"{name!r} is the label of {len(indices)} classes: use an index, {_either(sorted(indices))}."
        close = difflib.get_close_matches(_folded(name), self._spelt, 3, 0.6)
        hint = f", the nearest are {', '.join(repr(self._spelt[one]) for one in close)}" if close else ""
        return f"{name!r} is no class of {self._model}{hint}."


def read_names(file: str | Path, classes: int) -> tuple[str, ...]:
    """One name for each class, from a file with a name per line in index order.

    Raises:
        InputError: the file cannot be read as text, or does not have one name for each class.
    """
    return labels.read(Path(file), InputError, classes=classes)


def _folded(name: str) -> str:
    """The form in which names are compared: NFC, as macOS stores the accents of file names apart from their letters."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _either(indices: Sequence[int]) -> str:
    return " or ".join(map(str, indices))
