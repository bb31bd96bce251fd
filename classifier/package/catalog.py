"""The packages in a folder, and by which names they are asked for.

A package may be asked for by the name of its folder or by the one in its `model.toml`. A folder's name comes first:
where a name in a `model.toml` is that of several packages, or of another's folder, these packages go by the names of
their folders. So each has one name that is its own, `name_of`, and page, API and command line show that one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from re import compile as regex

from classifier.errors import AmbiguousModelError, PackageError
from classifier.machine import files
from classifier.package.manifest import MANIFEST
from classifier.package.package import read_manifest

_NAME = regex(r"[a-z0-9][a-z0-9._-]*")


def find_packages(folder: str | Path) -> dict[str, Path]:
    """The packages in a folder, by the names of their own folders, sorted; not read yet, so one may be wrong.

    A folder that may not be looked into counts as one if it has a package's name, so that it is reported. Hidden ones
    are none: packages that are being copied, and Kubernetes' `..data`, of which the others are links.

    Raises:
        PackageError: the folder cannot be listed.
    """
    folder = Path(folder)
    with files.refusing(PackageError, folder):
        if files.kind(folder) != "folder":
            return {}
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        return {name: folder / name for name in names if _may_be_package(folder / name)}


@dataclass(frozen=True)
class Catalog:
    """The packages in a folder with their names.

    Attributes:
        folders: the packages, by the names of their own folders.
        known: by the same, the names in those `model.toml` that were read already.
    """

    folders: dict[str, Path] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: str | Path) -> Catalog:
        """Looks for the packages in a folder.

        Raises:
            PackageError: the folder cannot be listed.
        """
        return cls(find_packages(folder))

    @cached_property
    def named(self) -> dict[str, list[str]]:
        """For each name in a `model.toml`, the names of the folders that have it; a wrong file gives none.

        Every `model.toml` is read for this: not where a folder's name is all that is asked for.
        """
        named: dict[str, list[str]] = {}
        for key, path in self.folders.items():
            if name := self.known.get(key) or _name_in(path):
                named.setdefault(name, []).append(key)
        return named

    def find(self, asked: str) -> str | None:
        """The name of the folder of the package that is asked for; None if there is none.

        Raises:
            AmbiguousModelError: several packages have that name, and none of their folders.
        """
        if asked in self.folders:
            return asked
        having = self.named.get(asked, [])
        if len(having) > 1:
            raise AmbiguousModelError(model=asked, models=having)
        return having[0] if having else None

    def key(self, path: Path) -> str | None:
        """The name of a package's folder, whichever way the path leads there; None if it is not in this catalog."""
        return next((key for key, folder in self.folders.items() if _same(folder, path)), None)

    def name_of(self, key: str) -> str:
        """The name by which page, API and command line show the package in a folder."""
        name = next((name for name, having in self.named.items() if having == [key]), key)
        return key if name in self.folders else name

    @property
    def names(self) -> list[str]:
        """The names of all packages, in the order of their folders."""
        return [self.name_of(key) for key in self.folders]

    def conflicts(self) -> Iterator[str]:
        """A sentence for each name that several packages would have, about what they are called instead."""
        for name, having in self.named.items():
            folders = sorted({*having, name} & set(self.folders))
            if len(folders) > 1:
                yield (
                    f"the models in the folders {', '.join(folders)} would all be named {name}, so each is asked for "
                    "by the name of its folder"
                )


def _may_be_package(folder: Path) -> bool:
    try:
        return files.kind(folder / MANIFEST) is not None
    except OSError:
        return _NAME.fullmatch(folder.name) is not None


def _name_in(folder: Path) -> str | None:
    try:
        return read_manifest(folder).name
    except PackageError:
        return None


def _same(one: Path, other: Path) -> bool:
    try:
        return one == other or os.path.samefile(one, other)
    except OSError:
        return False
