"""What is in a package's files: their hashes, the version that these make, and a cheap look whether they changed."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from classifier.machine import files
from classifier.package.manifest import MANIFEST, Form, Manifest
from classifier.package.onnx_data import data_files
from classifier.package.unknown import FILE

_MOST_MANIFEST = 1_000_000  # bytes, as a package may have
_DIGITS = 16  # of a version: no two packages of a folder have the same by chance

Fingerprint = tuple[Any, ...]
"""Equal as long as a package's files are the same, as far as can be told without reading all of them."""


def digest(path: Path, form: Form | None = None) -> str:
    """The SHA-256 of a file; of a folder, that of its files' hashes and names in order, as `sha256sum` writes them.

    Args:
        path: the file or folder.
        form: what weights it has, if any: an ONNX model with data files beside it counts as a folder with these.

    Raises:
        OSError: it cannot be read.
    """
    if files.kind(path) != "folder":
        beside = data_files(path) if form == "onnx" else {}
        if beside:
            return _of_lines((of_file(one), name) for name, one in sorted({path.name: path, **beside}.items()))
        return of_file(path)
    return _of_lines((of_file(one), one.relative_to(path).as_posix()) for one in _inside(path))


def version(folder: Path, manifest: Manifest, weights: Mapping[Form, str]) -> str:
    """The version of a package: the beginning of a hash of its files' hashes and names, the weights last.

    Args:
        folder: the package's.
        manifest: what is in its `model.toml`.
        weights: the hash of each form of its weights.

    Raises:
        OSError: a file cannot be read.
    """
    small = sorted({MANIFEST, *manifest.labels.values(), *([FILE] if files.kind(folder / FILE) else [])})
    lines = [(of_file(folder / name), name) for name in small]
    lines += [(weights[form], manifest.weights[form].file) for form in sorted(weights)]
    return _of_lines(lines)[:_DIGITS]


def fingerprint(folder: Path) -> Fingerprint:
    """What tells a package from a changed one: the content of `model.toml`, and size and times of the files it names.

    `model.toml` is read, since a file system of another machine may tell old sizes and times of a file until it is
    opened. Inode numbers are left out: some file systems make new ones up.
    """
    try:
        data = files.read(folder / MANIFEST, _MOST_MANIFEST + 1)
    except OSError as error:
        return (error.errno,)
    return (data, *((name, _stamp(folder / name)) for name in sorted({FILE, *_names_in(data)})))


def _names_in(data: bytes) -> Iterator[str]:
    """The files that a `model.toml` names; none if it cannot be read, as while it is being written.

    And the folders of ONNX models: to find out which files in one are a model's data, all of it would have to be read.
    """
    try:
        found = tomllib.loads(data.decode("utf-8-sig"))
    except ValueError:
        return
    labels, weights = found.get("labels"), found.get("weights")
    yield from (name for name in (labels.values() if isinstance(labels, dict) else ()) if isinstance(name, str))
    for form, one in weights.items() if isinstance(weights, dict) else ():
        if isinstance(one, dict) and isinstance(one.get("file"), str):
            yield one["file"]
            if form == "onnx":
                yield os.path.dirname(one["file"]) or os.curdir


def _stamp(path: Path) -> Any:
    try:
        if files.kind(path) != "folder":
            return _times(path)
        return tuple((one.relative_to(path).as_posix(), _times(one)) for one in _inside(path))
    except OSError as error:
        return error.errno


def _times(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)  # of the file itself where this is a link, which may lead to another one from now on
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _inside(folder: Path) -> list[Path]:
    return sorted(one for one in folder.rglob("*") if one.is_file())


def of_file(path: Path) -> str:
    """The SHA-256 of a file alone.

    Raises:
        OSError: it cannot be read.
    """
    with files.open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _of_lines(hashes: Iterable[tuple[str, str]]) -> str:
    return hashlib.sha256("".join(f"{found}  {name}\n" for found, name in hashes).encode()).hexdigest()
