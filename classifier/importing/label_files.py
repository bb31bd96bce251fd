"""Which file beside a model holds its labels: found by its name, and chosen by how many labels are in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import ModelFileError
from classifier.formatting import printable
from classifier.importing import labels

_USUAL = re.compile(
    r"labels?\.txt|class_?names?\.(txt|json)|classes\.(txt|json|names)|class_ind(ices|ex)\.json|labels?\.json"
    r"|label_?map\.(txt|json)|dict\.txt|synset(_words)?\.txt|imagenet_(classes|labels)\.txt|index_to_name\.json"
    r"|(obj|model)\.names",
    re.IGNORECASE,
)
_LIKELY = re.compile(r".*(label|class|categor|synset|names).*\.(txt|json|names)", re.IGNORECASE)
# Files of many uses: they count only if they hold labels under one of the usual keys.
_DESCRIPTIONS = ("config.json", "metadata.json")
_KEYED = re.compile(rb'"(id2label|label_names|labels|class_names|classes)"\s*:\s*[\[{]')
_MOST = 20  # files beside a model that are read
_MOST_BYTES = 5_000_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may hold a model's labels.

    Attributes:
        path: the file.
        usual: whether its name is one that training tools give to labels; else it only has such a word in it.
    """

    path: Path
    usual: bool


def could_be(name: str) -> bool:
    """Whether a file of this name may hold labels."""
    return name in _DESCRIPTIONS or _LIKELY.fullmatch(name) is not None or _USUAL.fullmatch(name) is not None


def beside(model: Path) -> tuple[Candidate, ...]:
    """The files that may hold a model's labels: in its folder, its `assets`, and beside it; the surest names first."""
    places = (model, model / "assets", model.parent) if model.is_dir() else (model.parent,)
    found = []
    for order, place in enumerate(places):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            own = path.suffix.lower() in (".txt", ".names") and path.stem == model.stem
            if (own or could_be(path.name)) and path.is_file() and _is_meant(path):
                found.append((not _USUAL.fullmatch(path.name), order, path))
    return tuple(Candidate(path, not unusual) for unusual, _, path in sorted(found)[:_MOST])


def fit(lines: tuple[str, ...], classes: int) -> bool:
    """Whether there is a label for each class; for one class, two labels fit, too."""
    return len(lines) == classes or (classes, len(lines)) == (1, 2)


def choose(candidates: Iterable[Candidate], classes: int, model: str) -> tuple[tuple[str, ...], str]:
    """The labels of the one file that has as many as the model has classes, or of the only file; and its name.

    Args:
        candidates: from `beside`.
        classes: how many classes there are.
        model: the beginning of the sentence, such as `model.h5: it has 3 classes`.

    Raises:
        ModelFileError: no file fits, or several with different labels.
    """
    read: list[tuple[Candidate, tuple[str, ...]]] = []
    refused: list[ModelFileError] = []
    for candidate in candidates:
        try:
            read.append((candidate, labels.read(candidate.path)))
        except ModelFileError as error:
            if candidate.usual:
                refused.append(error)
    fitting = [(one, lines) for one, lines in read if fit(lines, classes)]
    fitting = [pair for pair in fitting if pair[0].usual] or fitting
    if not fitting and refused:
        raise refused[0]
    have = ", ".join(f"{printable(one.path.name)} ({len(lines)})" for one, lines in (fitting or read))
    if not fitting and len(read) == 1:
        fitting = read  # whoever asked says that they do not fit
    if not fitting:
        beside_it = f"; the files beside it have other numbers of labels: {have}" if have else ""
        raise ModelFileError(
            f"{model}, and nothing says what they are called{beside_it}. Give one for each class, in the order of the "
            "model's output: --labels FILE, or labels.txt beside it."
        )
    if len({lines for _, lines in fitting}) > 1:
        raise ModelFileError(
            f"{model}, and several files beside it have as many labels, not the same ones: {have}. Say which is right: "
            "--labels FILE."
        )
    return fitting[0][1], fitting[0][0].path.name


def _is_meant(path: Path) -> bool:
    """Whether a file is worth reading: a description of a model only if it holds labels."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return _USUAL.fullmatch(path.name) is not None  # refused with a sentence when it is read
        return path.name not in _DESCRIPTIONS or _KEYED.search(path.read_bytes()) is not None
    except OSError:
        return True
