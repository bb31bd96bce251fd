"""Pictures whose classes are known: a folder with one sub-folder per class, or a CSV file of paths and labels."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from classifier.errors import InputError, ParameterError
from classifier.evaluation.csv_file import read_rows
from classifier.evaluation.naming import ClassNames
from classifier.inputs import Entry, is_picture, pictures
from classifier.machine import files
from classifier.package import ModelPackage
from classifier.picture.formats import ENDINGS


@dataclass(frozen=True, slots=True)
class Dataset:
    """The pictures to classify, and their true classes.

    Attributes:
        name: the folder or the file.
        entries: the pictures, and the folders that hold none.
        truths: the index of the true class of each entry, the first one if several are accepted.
        skipped: number of files in the folders without a picture's ending.
        accepted: the indices of all classes that are accepted for an entry, where these are several.
        unknown: the names that are no class of the model, each with the number of pictures that were left out for it.
    """

    name: str
    entries: list[Entry]
    truths: list[int]
    skipped: int = 0
    accepted: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)

    def classes(self, number: int) -> tuple[int, ...]:
        """The indices of all classes that are accepted for the entry of this number, from 0."""
        return self.accepted.get(number, (self.truths[number],))


def read_dataset(
    name: str, package: ModelPackage, further: Sequence[str] = (), *, skip_unknown: bool = False
) -> Dataset:
    """Finds the pictures and their classes; opens no picture.

    Args:
        name: a folder with one sub-folder per class, or a CSV file of `path,label`, whose paths are relative to it.
            A header is optional; with one, the two columns may be anywhere among other columns. A label may be
            several, with `|` between them, each of which is right.
        package: the model, whose labels name the classes.
        further: one more name for each class, in index order.
        skip_unknown: whether pictures of classes that the model does not have are left out.

    Raises:
        InputError: when there is nothing of that name, it holds no picture, or a class is not the model's.
        ParameterError: when the model is `multi_label`: a picture has no single true class then.
    """
    if package.manifest.output.multi_label:
        raise ParameterError(
            f"The model {package.name} scores each label for itself (output.multi_label). "
            "Only models that choose one class for a picture can be evaluated and calibrated."
        )
    names = ClassNames(package, further)
    with files.refusing(InputError, name):
        found = files.kind(Path(name))
    if found == "folder":
        return _from_folder(name, names, package, skip_unknown)
    if found is None:
        raise InputError(f"{name}: there is no such folder or CSV file.")
    rows = read_rows(name, names.known)
    found_classes = names.find_several((row.label for row in rows), skip_unknown=skip_unknown)
    base = os.path.dirname(name) or "."
    known = [row for row in rows if row.label in found_classes]
    unknown = Counter(row.label for row in rows if row.label not in found_classes)
    if not known:
        raise _all_unknown(name, unknown, package)
    classes = [found_classes[row.label] for row in known]
    return Dataset(
        name,
        [Entry(_located(base, row.path)) for row in known],
        [one[0] for one in classes],
        accepted={number: one for number, one in enumerate(classes) if len(one) > 1},
        unknown=unknown,
    )


@dataclass(frozen=True, slots=True)
class Named:
    """Pictures with the names of their classes, for a model that does not have them yet.

    Attributes:
        name: the folder or the file.
        entries: the pictures, and the folders that hold none.
        labels: the class of each entry, in NFC, without white space around it.
        skipped: number of files in the folders without a picture's ending.
    """

    name: str
    entries: list[Entry]
    labels: list[str]
    skipped: int = 0


def read_named(name: str) -> Named:
    """Finds pictures and the names of their classes; opens no picture.

    Args:
        name: as for `read_dataset`; each label of a CSV file is one class.

    Raises:
        InputError: there is nothing of that name, it holds no picture, or the name of a class cannot be a label.
    """
    with files.refusing(InputError, name):
        found = files.kind(Path(name))
    if found == "folder":
        folders = _class_folders(name)
        listed = [(folder, entry) for folder in folders for entry in pictures(os.path.join(name, folder))]
        read = sum(entry.error is None for _, entry in listed)
        skipped = _files(name, folders) - read
    elif found is None:
        raise InputError(f"{name}: there is no such folder or CSV file.")
    else:
        base = os.path.dirname(name) or "."
        rows = read_rows(name, lambda cell: False)
        listed, skipped, read = [(row.label, Entry(_located(base, row.path))) for row in rows], 0, len(rows)
    if not read:
        raise _no_pictures(name, len(folders))
    labels = [unicodedata.normalize("NFC", label).strip() for label, _ in listed]
    check_labels(name, labels)
    return Named(name, [entry for _, entry in listed], labels, skipped)


def check_labels(name: str, labels: Iterable[str]) -> None:
    """Refuses names of classes that people could not tell apart, or that a labels file cannot hold.

    Raises:
        InputError: naming them.
    """
    spelt: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        if not label or not label.isprintable():
            raise InputError(f"{name}: {label!r} cannot name a class. Use letters that can be shown, on one line.")
        if "|" in label:
            raise InputError(f"{name}: {label!r} names several classes, but a photo to train on shows one. Choose it.")
        if (other := spelt.setdefault(label.casefold(), label)) != label:
            raise InputError(f"{name}: {other!r} and {label!r} differ only in case. Give both the same name.")


def _located(base: str, path: str) -> str:
    """The path of a row's picture; backslashes, as Windows writes them, are slashes where that finds it."""
    file = os.path.join(base, path)
    if "\\" in path and not os.path.exists(file):
        slashed = os.path.join(base, path.replace("\\", "/"))
        return slashed if os.path.exists(slashed) else file
    return file


def _all_unknown(name: str, unknown: Mapping[str, int], package: ModelPackage) -> InputError:
    some = ", ".join(repr(one) for one in list(unknown)[:3])
    return InputError(
        f"{name}: none of its classes ({some}{', ...' if len(unknown) > 3 else ''}) is one of {package.name}."
    )


def _from_folder(name: str, names: ClassNames, package: ModelPackage, skip_unknown: bool) -> Dataset:
    folders = _class_folders(name)
    classes = names.find_several(folders, skip_unknown=skip_unknown)
    unknown = {folder: _pictures(os.path.join(name, folder)) for folder in folders if folder not in classes}
    if not classes:
        raise _all_unknown(name, unknown, package)
    folders = [folder for folder in folders if folder in classes]
    entries: list[Entry] = []
    truths: list[int] = []
    accepted: dict[int, tuple[int, ...]] = {}
    for folder in folders:
        found_here = pictures(os.path.join(name, folder))
        several = classes[folder]
        if len(several) > 1:
            accepted |= dict.fromkeys(range(len(entries), len(entries) + len(found_here)), several)
        entries += found_here
        truths += [several[0]] * len(found_here)
    read = sum(entry.error is None for entry in entries)
    if not read:
        raise _no_pictures(name, len(folders))
    return Dataset(name, entries, truths, _files(name, folders) - read, accepted, unknown)


def _class_folders(name: str) -> list[str]:
    """The sub-folders, beside which there may be no pictures."""
    try:
        inside = sorted(one for one in os.listdir(name) if not one.startswith("."))
    except OSError as error:
        raise InputError(f"{name}: this folder cannot be listed: {files.reason(error)}.") from error
    folders = [one for one in inside if os.path.isdir(os.path.join(name, one))]
    beside = [one for one in inside if one not in folders and is_picture(os.path.join(name, one))]
    if beside or not folders:
        found = f"{len(beside)} pictures are beside them, such as {beside[0]}" if beside else "there is none"
        raise InputError(
            f"{name}: expected one sub-folder per class, but {found}. "
            "Sort the pictures into such folders, or give a CSV file of path,label."
        )
    return folders


def _no_pictures(name: str, folders: int) -> InputError:
    return InputError(f"{name}: none of its {folders} sub-folders holds a picture ({', '.join(ENDINGS)}).")


def _pictures(folder: str) -> int:
    return sum(entry.error is None for entry in pictures(folder))


def _files(name: str, folders: Sequence[str]) -> int:
    """How many files are in and below the folders, without hidden ones."""
    count = 0
    for folder in folders:
        for _, below, inside in os.walk(os.path.join(name, folder)):
            below[:] = [one for one in below if not one.startswith(".")]
            count += sum(not one.startswith(".") for one in inside)
    return count
