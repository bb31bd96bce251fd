"""Finds the class that a name stands for, as a folder or a CSV file of a dataset gives it, by the model's labels.

A name is a label in any of the package's languages, or the class's index; for models of ImageNet's 1000 classes also
the WordNet id or an official name. Case, and what stands between words, do not matter. Nothing is guessed: a name that
stands for no class, or for several, is an error that says what it may have meant.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from classifier.errors import InputError
from classifier.evaluation.csv_file import index_text
from classifier.formatting import whole_number
from classifier.package import ModelPackage, labels

_SHOWN = 5  # wrong names that one error lists
_SEVERAL = "|"  # between the labels that are accepted for one picture
# A line for each class, in ImageNet's order: its id in WordNet, then its names. From WordNet 3.0, Princeton University,
# whose licence lets them be copied: https://wordnet.princeton.edu/license-and-commercial-use
_IMAGENET = Path(__file__).with_name("imagenet.txt")
_IMAGENET_CLASSES = 1000
_WORDNET = re.compile(r"n\d{8}\b")
_ENOUGH = 0.5  # share of a model's labels that are official names if it knows ImageNet's classes, in ImageNet's order


class ClassNames:
    """All names of a model's classes."""

    def __init__(self, package: ModelPackage, further: Sequence[str] = ()) -> None:
        """Args: package: the model; further: one more name for each class, in index order."""
        self._model = package.name
        self._count = package.manifest.output.classes
        self._indices: dict[str, set[int]] = defaultdict(set)
        self._loose: dict[str, set[int]] = defaultdict(set)
        self._spelt: dict[str, str] = {}
        for names in (*package.labels.values(), further):
            for index, label in enumerate(names):
                self._indices[_folded(label)].add(index)
                self._loose[_words(label)].add(index)
                self._spelt.setdefault(_folded(label), label)
        self._official = _Official(package.labels_for(package.language))

    def find(self, names: Iterable[str]) -> dict[str, int]:
        """The class index of each name.

        Raises:
            InputError: names those that stand for no class, or for several.
        """
        return {name: indices[0] for name, indices in self.find_several(names).items()}

    def find_several(self, names: Iterable[str], *, skip_unknown: bool = False) -> dict[str, tuple[int, ...]]:
        """The class indices of each name, which may be several names with `|` between them.

        Args:
            names: as a dataset gives them.
            skip_unknown: whether names that stand for no class are left out.

        Raises:
            InputError: names those that stand for no class, or for several.
        """
        found: dict[str, tuple[int, ...]] = {}
        problems: dict[str, str] = {}
        for name in dict.fromkeys(names):
            whole = self._lookup(name)
            parts = [name] if whole or _SEVERAL not in name else [part for part in name.split(_SEVERAL) if part.strip()]
            classes: list[int] = []
            for part in parts:
                indices = self._lookup(part)
                if len(indices) == 1:
                    classes += indices
                elif indices or not skip_unknown:
                    problems.setdefault(part, self._problem(part.strip(), indices))
            if classes:
                found[name] = tuple(dict.fromkeys(classes))
        if problems:
            said = list(problems.values())
            more = f" And {len(said) - _SHOWN} more like that." if len(said) > _SHOWN else ""
            raise InputError(
                f"{' '.join(said[:_SHOWN])}{more} Use the labels of {self._model}, "
                f"or class indices from 0 to {self._count - 1}."
            )
        return found

    def known(self, name: str) -> bool:
        """Whether a name stands for a class, or for several."""
        return any(map(self._lookup, name.split(_SEVERAL)))

    def _lookup(self, name: str) -> set[int]:
        """The classes that a name stands for, by the strictest way in which it stands for any."""
        if indices := self._indices.get(_folded(name)):
            # Cardigan is a dog where cardigan is a jacket.
            other = self._official.spelt.get(name.strip(), set())
            return indices if self._spelt[_folded(name)] == name.strip() else indices | other
        if (index := whole_number(index_text(name), self._count - 1)) is not None:
            return {index}
        return self._loose.get(_words(name)) or self._official.find(_words(name))

    def _problem(self, name: str, indices: set[int]) -> str:
        if indices:
            return f"{name!r} is the label of {len(indices)} classes: use an index, {_either(sorted(indices))}."
        close = difflib.get_close_matches(_folded(name), self._spelt, 3, 0.6)
        hint = f", the nearest are {', '.join(repr(self._spelt[one]) for one in close)}" if close else ""
        return f"{name!r} is no class of {self._model}{hint}."


class _Official:
    """The names of ImageNet's 1000 classes in WordNet, for a model that knows these classes; else no names."""

    def __init__(self, labels: Sequence[str]) -> None:
        """Args: labels: the model's; most of them have to be names of the same classes."""
        self.spelt: dict[str, set[int]] = defaultdict(set)
        """The classes whose first name this is, in this very spelling."""
        self._main: dict[str, set[int]] = defaultdict(set)
        self._all: dict[str, set[int]] = defaultdict(set)
        if len(labels) != _IMAGENET_CLASSES:
            return
        lines = [line.partition(" ") for line in _IMAGENET.read_text("utf-8").splitlines()]
        several = [[_words(word) for word in words.split(", ")] for _, _, words in lines]
        if sum(_words(label) in words for label, words in zip(labels, several, strict=True)) < _ENOUGH * len(labels):
            return
        for index, ((wordnet, _, words), each) in enumerate(zip(lines, several, strict=True)):
            self.spelt[words.split(", ")[0]].add(index)
            for name in {wordnet, _words(words), each[0]}:
                self._main[name].add(index)
            for name in each:
                self._all[name].add(index)

    def find(self, name: str) -> set[int]:
        """The classes of a name, as `_words` gives it: by the WordNet id or the first name, else by a further one."""
        if numbered := _WORDNET.match(name):  # n02510455, or n02510455 giant panda
            name = numbered[0]
        return self._main.get(name) or self._all.get(name) or set()


def read_names(file: str | Path, classes: int) -> tuple[str, ...]:
    """One name for each class, from a file with a name per line in index order.

    Raises:
        InputError: the file cannot be read as text, or does not have one name for each class.
    """
    return labels.read(Path(file), InputError, classes=classes)


def _folded(name: str) -> str:
    """The form in which names are compared: NFC, as macOS stores the accents of file names apart from their letters."""
    return unicodedata.normalize("NFC", name).strip().casefold()


def _words(name: str) -> str:
    """The form in which names are compared more loosely: `Red_Panda`, `red-panda` and `red panda` are the same."""
    return " ".join(re.sub(r"[\s_\-]+", " ", re.sub(r"['\u2019]", "", _folded(name))).split())


def _either(indices: Sequence[int]) -> str:
    return " or ".join(map(str, indices))
