"""Finds the model that an operator names: by a package's name, by its folder, or by a model file."""

from __future__ import annotations

from pathlib import Path

from classifier.errors import UnknownModelError
from classifier.package.manifest import MANIFEST


def find_packages(folder: str | Path) -> dict[str, Path]:
    """The packages in a folder, by the names of their own folders, sorted; not read yet, so one may be wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        return {}
    return {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST}"))}


def locate(model: str, folder: str | Path) -> Path:
    """The folder of a package given by name (in `folder`) or by path.

    Raises:
        UnknownModelError: there is no such model; the message lists the names of all packages.
    """
    packages = find_packages(folder)
    if model in packages:
        return packages[model]
    if "/" in model or Path(model, MANIFEST).is_file() or Path(model).is_file():
        return Path(model)
    raise UnknownModelError(model=model, models=", ".join(packages) or "none installed")


def is_bare(path: Path) -> bool:
    """Whether a path leads to something that is not a package yet: a model file, or a folder or zip with one."""
    return path.is_file() or (path.is_dir() and not (path / MANIFEST).is_file() and any(path.iterdir()))
