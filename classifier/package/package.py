"""A checked model package: its folder, its manifest and its labels.

This module only reads and checks; `classifier.backends` decides which form of the weights is run. The error for a wrong
package names the file, the key and what was expected.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from classifier.errors import PackageError, UnknownLanguageError
from classifier.package import labels
from classifier.package.manifest import MANIFEST, Form, Manifest


@dataclass(frozen=True, slots=True)
class ModelPackage:
    """A checked model package.

    Attributes:
        folder: where its files are.
        manifest: the content of `model.toml`.
        labels: by language, one label per class, in index order.
    """

    folder: Path
    manifest: Manifest
    labels: dict[str, tuple[str, ...]]

    @classmethod
    def load(cls, folder: str | Path) -> ModelPackage:
        """Reads and checks a package; of the weights it checks only that they exist.

        Raises:
            PackageError: the package is wrong; the message names the file, the key and what was expected.
        """
        folder = Path(folder)
        file = folder / MANIFEST
        try:
            manifest = Manifest.model_validate(tomllib.loads(file.read_text("utf-8-sig")))
        except FileNotFoundError:
            raise PackageError(
                f"{folder} is not a model package: it has no {MANIFEST}. Give the folder that holds one."
            ) from None
        except NotADirectoryError:
            raise PackageError(
                f"{folder} is a file, not a model package. Make one of it: classifier import {folder} FOLDER"
            ) from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise PackageError(f"{file}: cannot be read as TOML: {error}") from error
        except ValidationError as error:
            problems = (f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
            raise PackageError(f"{file}: {'; '.join(problems)}") from error
        for form, weights in manifest.weights.items():
            if not (folder / weights.file).exists():
                raise PackageError(f"{file}: weights.{form}.file: {weights.file} is not in {folder}")
        classes = manifest.output.classes
        found = {
            language: labels.read(folder / name, PackageError, classes=classes)
            for language, name in manifest.labels.items()
        }
        return cls(folder, manifest, found)

    @property
    def name(self) -> str:
        """The package's name, as callers use it."""
        return self.manifest.name

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
            raise UnknownLanguageError(model=self.name, lang=language, languages=", ".join(self.labels))
        return language

    def labels_for(self, language: str) -> tuple[str, ...]:
        """Labels in a language, or in the package's default one when it has none in that language."""
        return self.labels.get(language) or self.labels[self.language]

    def weights_size(self, form: Form) -> int:
        """Bytes of one form's weights, a file or a SavedModel's folder; 0 if the package lacks the form."""
        weights = self.manifest.weights.get(form)
        if weights is None:
            return 0
        path = self.folder / weights.file
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)

    def weights_file(self, form: Form) -> Path:
        """The path of one form's weights, its content checked against the recorded sha256.

        Raises:
            PackageError: when the package lacks the form or the file was changed.
        """
        weights = self.manifest.weights.get(form)
        if weights is None:
            raise PackageError(f"{self.folder / MANIFEST}: weights.{form}: not in this package")
        file = self.folder / weights.file
        if weights.sha256 and file.is_file():
            with file.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != weights.sha256:
                raise PackageError(
                    f"{file}: its sha256 is {found}, but {MANIFEST} expects {weights.sha256} at "
                    f"weights.{form}.sha256: the file is damaged or was replaced. Restore it."
                )
        return file
