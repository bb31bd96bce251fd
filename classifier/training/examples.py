"""What a model is fitted to: for each photo its class and its features, under the hash of its file.

A trained package keeps them, in `cache/features.npz`, so that photos can be added later without the ones before. The
photos themselves are not in it; their names are.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import PackageError
from classifier.machine import files
from classifier.package import npz
from classifier.views import VIEWS, View

FILE = Path("cache", "features.npz")
"""Where a package has it."""

_FORMAT = 1
_MOST = 8_000_000_000  # bytes of the file; a thousand photos take 5 million
_NAMES = {"about.npy", "hashes.npy", "features.npy"}


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Photos whose classes are known, in the order of their classes and hashes, whatever their names are.

    Attributes:
        hashes: the SHA-256 of each file, in hexadecimal.
        labels: the class of each.
        files: the name of each, as it was given.
        features: float16 `(photos, channels)`, pooled.
        view: what the model sees of a photo.
    """

    hashes: tuple[str, ...]
    labels: tuple[str, ...]
    files: tuple[str, ...]
    features: NDArray[np.float16]
    view: View = "crop"

    def __len__(self) -> int:
        return len(self.hashes)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, sorted by name: in this order the model has them."""
        return tuple(sorted(set(self.labels)))

    @property
    def truths(self) -> NDArray[np.intp]:
        """The index of each photo's class."""
        index = {label: at for at, label in enumerate(self.classes)}
        return np.array([index[label] for label in self.labels], np.intp)

    def take(self, kept: Sequence[int]) -> Examples:
        """Some of them, by position."""
        return Examples(
            tuple(self.hashes[at] for at in kept),
            tuple(self.labels[at] for at in kept),
            tuple(self.files[at] for at in kept),
            self.features[list(kept)],
            self.view,
        )

    def sorted(self) -> Examples:
        """The same in the order in which they are kept."""
        return self.take(sorted(range(len(self)), key=lambda at: (self.labels[at], self.hashes[at])))

    def content(self, model: str) -> bytes:
        """The content of the file.

        Args:
            model: the SHA-256 of the weights by which the features were made, or of those with another last layer.
        """
        about = {"format": _FORMAT, "model": model, "view": self.view, "labels": self.labels, "files": self.files}
        text = json.dumps(about, ensure_ascii=True).encode()
        hashes = np.frombuffer(bytes.fromhex("".join(self.hashes)), np.uint8).reshape(-1, 32)
        whole: dict[str, NDArray[Any]] = {
            "about": np.frombuffer(text, np.uint8),
            "hashes": hashes,
            "features": self.features,
        }
        return npz.packed(whole, compress=False)


def merged(parts: Sequence[Examples]) -> Examples:
    """Several as one; there must be one at least."""
    return replace(
        parts[0],
        hashes=tuple(one for part in parts for one in part.hashes),
        labels=tuple(one for part in parts for one in part.labels),
        files=tuple(one for part in parts for one in part.files),
        features=np.concatenate([part.features for part in parts]),
    ).sorted()


def read(folder: Path, model: str | None) -> Examples:
    """What a package keeps.

    Args:
        folder: the package's.
        model: the SHA-256 of its weights.

    Raises:
        PackageError: it keeps none, or they are damaged, or of other weights.
    """
    file = folder / FILE
    with files.refusing(PackageError, file):
        if files.kind(file) is None:
            raise PackageError(
                f"{folder}: nothing can be added to this model, since it lacks {FILE}, which has the features of the "
                "photos that it was trained on. Train a new one with all photos."
            )
        data = files.read(file, _MOST)
    try:
        about, found = _parsed(data)
    except (ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise PackageError(f"{file}: it is damaged. Train a new model with all photos.") from error
    if about["model"] != model:
        raise PackageError(f"{file}: it was made for other weights than those in {folder}. Train with all photos.")
    return found


def _parsed(data: bytes) -> tuple[Mapping[str, Any], Examples]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if {one.filename for one in entries} != _NAMES or sum(one.file_size for one in entries) > len(data):
            raise ValueError("other content")
        inside = {one: np.lib.format.read_array(io.BytesIO(archive.read(one)), allow_pickle=False) for one in _NAMES}
    about = json.loads(bytes(inside["about.npy"]))
    features, hashes = inside["features.npy"], inside["hashes.npy"]
    labels, names = tuple(map(str, about["labels"])), tuple(map(str, about["files"]))
    same = len({len(labels), len(names), len(features), len(hashes)}) == 1
    if about["format"] != _FORMAT or about["view"] not in VIEWS or not same:
        raise ValueError("other content")
    if (
        features.dtype != np.float16
        or features.ndim != 2
        or not np.isfinite(features).all()
        or hashes.shape[1:] != (32,)
    ):
        raise ValueError("other features")
    found = Examples(tuple(bytes(row).hex() for row in hashes), labels, names, features, about["view"])
    return about, found
