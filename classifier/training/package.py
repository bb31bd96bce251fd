"""Writes the package of a trained model: weights, `model.toml`, labels, what is unknown, a card, a report, features."""

from __future__ import annotations

import datetime
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tomlkit
from tomlkit.items import Table

from classifier.errors import ModelFileError, PackageError
from classifier.evaluation.familiarity import Familiarity
from classifier.evaluation.fingerprints import DIGITS, lines, sample
from classifier.formatting import printable
from classifier.importing.write import Draft, beside, write
from classifier.machine import files
from classifier.machine.import_process import unfinished
from classifier.package import MANIFEST, ModelPackage, OutputSpec, unknown
from classifier.training import card, examples
from classifier.training.extract import Extractor
from classifier.training.fitting import Fitted

WEIGHTS = "model.tflite"
REPORT = "report.html"

_OURS = {MANIFEST, WEIGHTS, unknown.FILE, card.FILE, REPORT, examples.FILE.parts[0]}
"""What is written anew when photos are added."""


@dataclass(frozen=True, slots=True)
class Names:
    """What a package is called.

    Attributes:
        name: as callers use it.
        title: for people.
        dataset: the folder or file of its photos.
    """

    name: str
    title: str
    dataset: str


def save(
    fitted: Fitted, base: Extractor, names: Names, folder: Path, report: Callable[[ModelPackage], str]
) -> Familiarity:
    """Writes a package into a folder that is there, and checks it.

    Args:
        fitted: its last layer.
        base: the model that gives the features.
        names: what it is called.
        folder: the package's.
        report: makes the content of `report.html`.

    Returns:
        By which photos of none of its classes are known; it is written if it is usable.

    Raises:
        PackageError: the model that was written does not compute what was fitted.
        OSError: the files cannot be written.
    """
    data = base.head.replaced(fitted.weights, fitted.bias)
    hashed = hashlib.sha256(data).hexdigest()
    (folder / WEIGHTS).write_bytes(data)
    write(_draft(fitted, base, names), {"litert": WEIGHTS}, folder)
    known = fitted.unknown(hashed)
    (folder / unknown.FILE).unlink(missing_ok=True)
    if known.usable:
        (folder / unknown.FILE).write_bytes(known.unknown.content())
    features = folder / examples.FILE
    features.parent.mkdir(exist_ok=True)
    features.write_bytes(fitted.examples.content(hashed))
    package = ModelPackage.load(folder)
    base.check(package)
    (folder / card.FILE).write_text(card.render(package, fitted, known), "utf-8")
    (folder / REPORT).write_text(report(package), "utf-8", "backslashreplace")
    return known


@contextmanager
def room(target: Path, *, add: bool) -> Iterator[Path]:
    """A folder that becomes the package at the end; if anything fails, what was there stays, and nothing else is left.

    Args:
        target: the package's folder.
        add: whether it is there and is to be replaced; files in it that no training writes are taken over.

    Raises:
        ModelFileError: nothing can be written there; or the folder is there and should not be.
    """
    if not add:
        with beside(target) as folder, files.refusing(ModelFileError, target, writing=True):
            yield folder
        return
    target = target.resolve()
    folder, old = unfinished(target), target.with_name(f".{target.name}.replaced")
    with files.refusing(ModelFileError, target, writing=True):
        for one in (folder, old):
            if os.path.lexists(one):
                raise ModelFileError(f"{one}: another command is at this model, or was cut off. See what is in it.")
        files.check_writable(folder)
    try:
        with files.refusing(ModelFileError, target, writing=True):
            shutil.copytree(target, folder, symlinks=True, ignore=partial(_ours, target))
            yield folder
        with files.refusing(ModelFileError, target, writing=True):
            target.rename(old)
            try:
                folder.rename(target)
            except BaseException:
                old.rename(target)
                raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_room(target: Path, *, add: bool) -> None:
    """Refuses a place where the package cannot be written: now, and not after all the work.

    Raises:
        ModelFileError: as `room`.
    """
    with files.refusing(ModelFileError, target, writing=True):
        if add:
            files.check_writable(unfinished(target.resolve()))
            return
        if os.path.lexists(target):
            raise ModelFileError(
                f"{target}: this exists already. Name a folder that does not; to add photos to the model in it, --add."
            )
        place = target.absolute().parent
        while not os.path.lexists(place):
            place = place.parent
        files.check_writable(place / target.name)


def _ours(target: Path, place: str, inside: list[str]) -> set[str]:
    """The files of a package's folder that are not taken over, labels among them: there may be other classes now."""
    if Path(place) != target:
        return set()
    return {one for one in inside if one in _OURS or (one.startswith("labels.") and one.endswith(".txt"))}


def _draft(fitted: Fitted, base: Extractor, names: Names) -> Draft:
    manifest, classes = base.package.manifest, fitted.examples.classes
    output = OutputSpec(
        classes=len(classes),
        logits=not base.head.squashed,
        temperature=fitted.temperature,
        unsure_below=fitted.unsure_below,
        name=manifest.output.name,
        features=manifest.output.features,
    )
    about = {"description": card.description(classes), "license": manifest.license, "source": manifest.source}
    about["citation"] = manifest.citation
    return Draft(
        name=names.name,
        title=names.title,
        input=base.input,
        output=output,
        labels={"en": classes},
        command="train",
        about={key: value for key, value in about.items() if value},
        tables={"published": _published(fitted, names), "training": _record(fitted, base, names)},
    )


def _published(fitted: Fitted, names: Names) -> Table:
    """The accuracy as the page and the API show it."""
    count, folds = len(fitted.examples), fitted.validation.folds
    return _table(
        {
            "dataset": f"{printable(names.dataset)}, {count:,} photos, {folds}-fold cross-validation",
            "top1": round(fitted.accuracy, 4),
        }
    )


def _record(fitted: Fitted, base: Extractor, names: Names) -> Table:
    kept = fitted.examples
    table = _table(
        {
            "base": base.name,
            "dataset": printable(names.dataset),
            "date": datetime.datetime.now(datetime.UTC).date(),
            "pictures": len(kept),
            "folds": fitted.validation.folds,
            "strength": fitted.validation.strength,
            "top1": round(fitted.accuracy, 4),
            "interval": [round(share, 4) for share in fitted.interval],
        }
    )
    table["hashes"] = tomlkit.string("\n" + lines(sample(one[:DIGITS] for one in kept.hashes)), multiline=True)
    return table


def _table(values: Mapping[str, object]) -> Table:
    table = tomlkit.table()
    for key, value in values.items():
        table[key] = value
    return table


def weights_hash(package: ModelPackage) -> str | None:
    """The SHA-256 of a package's LiteRT weights, as it says.

    Raises:
        PackageError: it does not say.
    """
    weights = package.manifest.weights.get("litert")
    if weights is None or weights.sha256 is None:
        raise PackageError(f"{package.folder / MANIFEST}: weights.litert.sha256 is missing; --add needs it.")
    return weights.sha256
