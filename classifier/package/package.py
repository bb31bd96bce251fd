"""A checked model package: its folder, its manifest and its labels.

This module only reads and checks; `classifier.backends` decides which form of the weights is run. The error for a wrong
package names the file, the key and what was expected.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from classifier.errors import PackageError, UnknownLanguageError
from classifier.formatting import printable
from classifier.machine import files
from classifier.package import content, labels, unknown
from classifier.package.manifest import MANIFEST, Form, Manifest
from classifier.package.onnx_data import data_files
from classifier.package.unknown import Unknown

_MOST_MANIFEST = 1_000_000  # bytes; those that come with the project have 1,200


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A checked model package.

    Attributes:
        folder: where its files are.
        manifest: the content of `model.toml`.
        labels: by language, one label per class, in index order.
        unknown: by which pictures of none of its classes are told; None if it has no such file.
        alias: by which name it is asked for instead of its manifest's, which others have, too; empty if by that one.
        version: by which its content is told from any other; empty unless it is sealed, see `load`.
        seals: of a sealed package, the hash of each form of its weights.
    """

    folder: Path
    manifest: Manifest
    labels: dict[str, tuple[str, ...]]
    unknown: Unknown | None = None
    alias: str = ""
    version: str = ""
    seals: Mapping[Form, str] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: str | Path, *, weights: bool = True, sealed: bool = False) -> ModelPackage:
        """Reads and checks a package; of the weights it checks only that they exist.

        Args:
            folder: where it is.
            weights: whether its weights must be there, which they need not for a model that runs elsewhere.
            sealed: whether to hold it to its present content: weights that are loaded later must be those of now. Those
                without a recorded sha256 are read for that.

        Raises:
            PackageError: the package is wrong; the message names the file, the key and what was expected.
        """
        folder = Path(folder)
        if not _is_utf8(folder):  # TensorFlow and LiteRT take no other names
            raise PackageError(f"{printable(str(folder))}: the name is not UTF-8 text. Rename the folder.")
        manifest = read_manifest(folder)
        if weights:
            _check_weights(folder, manifest)
        _check_conformal(folder, manifest)
        classes = manifest.output.classes
        texts = {
            language: labels.read(folder / name, PackageError, classes=classes)
            for language, name in manifest.labels.items()
        }
        package = cls(folder, manifest, texts, unknown.read(folder, manifest))
        return package._sealed(weights) if sealed else package

    @property
    def name(self) -> str:
        """The package's name, as callers use it."""
        return self.alias or self.manifest.name

    def called(self, name: str) -> ModelPackage:
        """The same package under a name by which it is asked for."""
        return replace(self, alias="" if name == self.manifest.name else name)

    @property
    def language(self) -> str:
        """The language of its labels when none is asked for: English, or the first one it has."""
        return "en" if "en" in self.labels else next(iter(self.labels))

    def check_language(self, language: str | None) -> str:
        """The language to answer in: the one asked for, or the package's default one if None.

        Raises:
            UnknownLanguageError: when the package has no labels in that language.
        """
        language = language or self.language
        if language not in self.labels:
            raise UnknownLanguageError(model=self.name, lang=language, languages=list(self.labels))
        return language

    def language_for(self, language: str) -> str:
        """The language of `labels_for`, which a page says of them: voices and hyphens depend on it."""
        return language if language in self.labels else self.language

    def labels_for(self, language: str) -> tuple[str, ...]:
        """Labels in a language, or in the package's default one when it has none in that language."""
        return self.labels[self.language_for(language)]

    def weights_size(self, form: Form | None) -> int:
        """Bytes of one form's weights, a file or a SavedModel's folder; 0 if the package lacks the form, and for None.

        What cannot be looked at is not counted: loading it fails, and says why.
        """
        weights = self.manifest.weights.get(form) if form else None
        if weights is None:
            return 0
        path = self.folder / weights.file
        inside = [Path(place, name) for place, _, names in os.walk(path) for name in names] or [path]
        if form == "onnx":
            with suppress(OSError):
                inside += data_files(path).values()
        size = 0
        for file in inside:
            with suppress(OSError):
                size += os.stat(file).st_size
        return size

    def weights_file(self, form: Form) -> Path:
        """The path of one form's weights, its content checked against the recorded sha256, and the seal if it has one.

        Raises:
            PackageError: when the package lacks the form, or the file cannot be read or was changed.
        """
        file = self._weights(form)
        with files.refusing(PackageError, file):
            folder = files.kind(file) == "folder"
            if folder and form == "litert":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(file))
            files.check_readable(file)
            if form in self.seals:
                self._check(form, content.digest(file, form), self.seals[form])
            recorded = self.manifest.weights[form].sha256
            if recorded and not folder and recorded != self.seals.get(form):
                self._check(form, content.of_file(file), recorded)
        return file

    def weights_content(self, form: Form) -> bytes:
        """The content of one form's weights, a file, checked in the same way.

        What is loaded from a file that is only mapped into memory changes with it, or crashes when it is cut off.

        Raises:
            PackageError: as `weights_file` does.
        """
        file = self._weights(form)
        with files.refusing(PackageError, file):
            data = files.read(file)
        if expected := self.seals.get(form) or self.manifest.weights[form].sha256:
            self._check(form, hashlib.sha256(data).hexdigest(), expected)
        return data

    def weights_hash(self, form: Form) -> tuple[str, str]:
        """The name and the SHA-256 of one form's weights; of a folder, that of its files' names and hashes in order.

        Raises:
            PackageError: as `weights_file` does.
        """
        file = self.weights_file(form)
        with files.refusing(PackageError, file):
            return file.name, content.digest(file, form)

    def _weights(self, form: Form) -> Path:
        weights = self.manifest.weights.get(form)
        if weights is None:
            raise PackageError(f"{self.folder / MANIFEST}: weights.{form}: not in this package")
        return self.folder / weights.file

    def _check(self, form: Form, found: str, expected: str) -> None:
        weights = self.manifest.weights[form]
        if found == expected:
            return
        file = self.folder / weights.file
        if expected != weights.sha256:
            raise PackageError(f"{file}: it was changed since {MANIFEST} was read. Load the package again.")
        raise PackageError(
            f"{file}: its sha256 is {found}, but {MANIFEST} expects {expected} at "
            f"weights.{form}.sha256: the file is damaged or was replaced. Restore it."
        )

    def _sealed(self, weights: bool) -> ModelPackage:
        with files.refusing(PackageError, self.folder):
            seals = {form: self._seal(form) for form in (self.manifest.weights if weights else ())}
            return replace(self, seals=seals, version=content.version(self.folder, self.manifest, seals))

    def _seal(self, form: Form) -> str:
        """The hash to which one form's weights are held; what is recorded is not read again, as it is when loaded."""
        weights = self.manifest.weights[form]
        file = self.folder / weights.file
        alone = files.kind(file) != "folder" and not (form == "onnx" and data_files(file))
        return (alone and weights.sha256) or content.digest(file, form)


def _check_weights(folder: Path, manifest: Manifest) -> None:
    """Checks that there are weights, of whatever content."""
    for form, weights in manifest.weights.items():
        with files.refusing(PackageError, folder):
            found = files.kind(folder / weights.file)
            if found == "other":
                raise files.not_regular(folder / weights.file)
        if found is None:
            name = printable(weights.file)
            raise PackageError(f"{folder / MANIFEST}: weights.{form}.file: {name} is not in {folder}")


def _check_conformal(folder: Path, manifest: Manifest) -> None:
    """Checks that the sets, if there are any, were fitted to this very model, without which they promise nothing."""
    conformal = manifest.conformal
    if conformal is None:
        return
    reason = ""
    if manifest.output.multi_label:
        reason = "conformal: it is for models whose scores add up to 1, but output.multi_label is true"
    elif not unknown.made_for(manifest, conformal.weights):
        reason = "conformal.weights: it was fitted to other weights than these"
    if reason:
        raise PackageError(
            f"{folder / MANIFEST}: {reason}. Fit it again with `classifier calibrate --coverage`, or remove the table "
            "[conformal]."
        )


def read_manifest(folder: Path) -> Manifest:
    """The content of `model.toml`, checked.

    Raises:
        PackageError: there is none, it cannot be read, or it is wrong.
    """
    file = folder / MANIFEST
    with files.refusing(PackageError, file):
        place, found = files.kind(folder), files.kind(file)
        if place == "file":
            raise PackageError(
                f"{folder} is a file, not a model package. Make one of it: classifier import {folder} FOLDER"
            )
        if place == "folder" and found:
            data = files.read(file, _MOST_MANIFEST + 1)
        elif place == "other":
            raise files.not_regular(folder)
        else:
            name = printable(str(folder))
            raise PackageError(f"{name} is not a model package: it has no {MANIFEST}. Give the folder that holds one.")
    if len(data) > _MOST_MANIFEST:
        raise PackageError(f"{file}: over {_MOST_MANIFEST // 10**6} MB, which no {MANIFEST} needs. Restore it.")
    try:
        return Manifest.model_validate(tomllib.loads(data.decode("utf-8-sig")))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PackageError(f"{file}: cannot be read as TOML: {error}") from error
    except ValidationError as error:
        problems = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise PackageError(f"{file}: {'; '.join(problems)}") from error


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
