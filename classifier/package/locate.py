"""Finds the model that an operator names: by a package's name, by its folder, or by a model file."""

from __future__ import annotations

import os
from pathlib import Path

from classifier import checkout
from classifier.errors import PackageError, ParameterError, UnknownModelError
from classifier.formatting import printable
from classifier.machine import files
from classifier.package.catalog import Catalog
from classifier.package.manifest import MANIFEST


def locate(model: str, folder: str | Path, *, chosen: bool = True) -> Path:
    """The folder of a package given by name (in `folder`) or by path.

    Args:
        model: the package's name, that of its own folder, or a path.
        folder: the folder of packages.
        chosen: whether somebody named this model. If nobody did, and `folder` has none of that name, its only package
            is taken, which may also be `folder` itself.

    Raises:
        UnknownModelError: there is no such model; the message lists the names of all packages.
        AmbiguousModelError: several packages have that name.
        ParameterError: nobody named a model, and there is not just one.
        PackageError: the folder cannot be listed, or what the path leads to cannot be reached.
    """
    catalog = Catalog.read(folder)
    if model in catalog.folders:
        return catalog.folders[model]
    if not chosen and (only := _only(catalog, Path(folder), model)):
        return only
    path = Path(model)
    with files.refusing(PackageError, path):
        if "/" in model or files.kind(path) == "file" or files.kind(path / MANIFEST):
            return path
    if key := catalog.find(model):
        return catalog.folders[key]
    raise UnknownModelError(model=model, models=list(catalog.names) or [_none_in(Path(folder))])


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


def _only(catalog: Catalog, folder: Path, default: str) -> Path | None:
    """The package to take where nobody named one; None where one has the default's name, or the checkout has none."""
    if catalog.named.get(default):
        return None
    if len(catalog.folders) == 1:
        return next(iter(catalog.folders.values()))
    if catalog.folders:
        raise ParameterError(
            f"There are several models in {printable(str(folder))}, and nothing says which is the default: "
            f"{', '.join(catalog.names)}. Name one with CLASSIFIER_MODEL or --model."
        )
    with files.refusing(PackageError, folder):
        if files.kind(folder / MANIFEST):
            return folder
        if files.kind(folder) == "folder":
            raise ParameterError(
                f"There is no model in {printable(str(folder))}: no folder in it has a {MANIFEST}. Put a package there "
                "(`classifier import` makes one), or name a model file or a package with CLASSIFIER_MODEL or --model."
            )
    return None


def _none_in(folder: Path) -> str:
    name = printable(str(folder))
    with files.refusing(PackageError, folder):
        if files.kind(folder) == "folder":
            return f"none installed in {name}"
    if not checkout.COMPLETE and folder.parent == checkout.ROOT:
        return f"none; {checkout.ADVICE}"
    return f"none installed, since there is no folder {name}"
