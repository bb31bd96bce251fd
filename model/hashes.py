"""Hashes of a model's files and of the weights in them.

A file's hash changes with the compression, the HDF5 library or the converter that wrote it; the hash of the tensors
changes only with the weights. The latter is the SHA-256 of all tensors in the order of their names, each as the UTF-8
line `name dtype shape` (shape with commas: `conv/kernel float32 3,3,3,32`), a newline, and the numbers in C order and
little-endian. In a `.keras` file the tensors are the model's variables, named by their paths (`stem_conv/kernel`); in a
`.tflite` file they are the constants of its graph, named as the converter named them.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from model import tflite


def of_file(path: Path) -> str:
    """SHA-256 of a file as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def of_tensors(tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of named arrays as hexadecimal digits, as the module's docstring defines it."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype.name} {','.join(map(str, array.shape))}\n".encode())
        digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def of_package(folder: Path) -> dict[str, dict[str, str]]:
    """Both hashes of both forms of a built model.

    Args:
        folder: The model's folder with `model.tflite` and `model.keras`.

    Returns:
        `litert` and `tensorflow`, each with `sha256` and `tensors_sha256`.
    """
    lite, full = folder / "model.tflite", folder / "model.keras"
    network = keras.saving.load_model(full, compile=False)
    variables = {variable.path: keras.ops.convert_to_numpy(variable) for variable in network.weights}
    return {
        "litert": {"sha256": of_file(lite), "tensors_sha256": of_tensors(tflite.constants(lite.read_bytes()))},
        "tensorflow": {"sha256": of_file(full), "tensors_sha256": of_tensors(variables)},
    }
