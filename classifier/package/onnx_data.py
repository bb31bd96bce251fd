"""Finds the data files of an ONNX model: weights in files beside it, which it names."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

from classifier.machine import files

MODEL = "model.onnx"
"""File name of the model in a package, and in the folder in which it lies there together with its data files."""


def data_files(file: Path) -> dict[str, Path]:
    """The data files of a model, by the names that it has for them; ONNX Runtime refuses those that lie elsewhere.

    It asks only which files there are names of, so a file may be found that the model names for another reason.

    Raises:
        OSError: the model or its folder cannot be read.
    """
    with files.open_file(file) as stream:
        if not os.fstat(stream.fileno()).st_size:
            return {}
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(b"location") < 0:  # the key under which data files are named
                return {}
            return {name: one for name, one in _beside(file) if content.find(os.fsencode(name)) >= 0}


def _beside(file: Path) -> list[tuple[str, Path]]:
    """The files that may be a model's data, by the names that it would have for them."""
    real = file.resolve()
    places = {file.parent.resolve(), real.parent}
    folder = file.parent if file.name == MODEL else real.parent
    found = sorted(folder.rglob("*") if file.name == MODEL else folder.iterdir())
    return [
        (os.path.relpath(one, folder), one)
        for one in found
        if one.is_file() and one.resolve() != real and places & set(one.resolve().parents)
    ]
