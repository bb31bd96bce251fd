"""Finds the model that an operator names: by a package's name, by its folder, or by a model file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from classifier import checkout
from classifier.errors import PackageError, UnknownModelError
from classifier.formatting import printable
from classifier.machine import files
from classifier.package.manifest import MANIFEST

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")


def find_packages(folder: str | Path) -> dict[str, Path]:
    """The packages in a folder, by the names of their own folders, sorted; not read yet, so one may be wrong.

    A folder that may not be looked into counts as one if it has a package's name, so that it is reported.

    Raises:
        PackageError: the folder cannot be listed.
    """
    folder = Path(folder)
    with files.refusing(PackageError, folder):
        if files.kind(folder) != "folder":
            return {}
        return {name: folder / name for name in sorted(os.listdir(folder)) if _may_be_package(folder / name)}


def locate(model: str, folder: str | Path) -> Path:
    """The folder of a package given by name (in `folder`) or by path.

    Raises:
        UnknownModelError: there is no such model; the message lists the names of all packages.
        PackageError: the folder cannot be listed, or what the path leads to cannot be reached.
    """
    packages = find_packages(folder)
    if model in packages:
        return packages[model]
    path, name = Path(model), printable(str(folder))
    with files.refusing(PackageError, path):
        if "/" in model or files.kind(path) == "file" or files.kind(path / MANIFEST):
            return path
        there = files.kind(Path(folder)) == "folder"
    none = f"none installed in {name}" if there else f"none installed, since there is no folder {name}"
    if not there and not checkout.COMPLETE and Path(folder).parent == checkout.ROOT:
        none = f"none; {checkout.ADVICE}"
    raise UnknownModelError(model=model, models=", ".join(packages) or none)


def is_bare(path: Path) -> bool:
    """Whether a path leads to something that is not a package yet: a model file, or a folder or zip with one.

    Raises:
        PackageError: that cannot be found out.
    """
    with files.refusing(PackageError, path):
        found = files.kind(path)
        if found == "folder":
            return files.kind(path / MANIFEST) is None and bool(os.listdir(path))
        if found == "other":
            raise files.not_regular(path)
        return found is not None


def _may_be_package(folder: Path) -> bool:
    try:
        return files.kind(folder / MANIFEST) is not None
    except OSError:
        return _NAME.fullmatch(folder.name) is not None
