"""`unknown.npz`: what the features of a model's own pictures are like, by which a picture of something else is told.

A model has to choose among its classes, whatever it is shown. Its features give away more than its scores do: those of
other things lie away from those of its classes. docs/unknown.md tells how the measure was chosen.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from classifier.errors import PackageError
from classifier.machine import files
from classifier.package import npz
from classifier.package.manifest import MANIFEST, Manifest

FILE = "unknown.npz"
"""Its name in a package."""

Floats = NDArray[np.float32]

_FORMAT = 1
_MOST = 64_000_000  # bytes of the file, and of what is in it; that of the ten-class model has 0.2 million
_SHA256, _HASH = 32, 8  # bytes of a hash of weights, and of a picture's


@dataclass(frozen=True, slots=True, eq=False)
class Unknown:
    """A measure of how familiar a picture's features are.

    The feature map is averaged over its positions and divided by its length, which gives `x`. The distance is how far
    `x` lies from the directions in which the model's own pictures differ, where `z = components @ (x - mean)`:

        sqrt((|x - mean|² - |z|²) / scale)

    Attributes:
        mean: `(channels,)`, of the model's own pictures.
        components: `(K, channels)`, orthonormal: the directions in which they differ most.
        scale: the mean of what is under the square root, before it is divided, for these pictures; above 0.
        threshold: the distance up to which a picture is familiar, above 0.
        slope: how fast familiarity falls there, above 0: it is 0.5 at the threshold, and 0.73 at `slope` less.
        weights: the sha256 of each form of the weights, in hexadecimal, as far as the package has them.
        pictures: how many pictures it was fitted to; 0 where the file does not say.
        sample: the smallest hashes of these, as `evaluation.fingerprints` makes them, of 16 hexadecimal digits.
    """

    mean: Floats
    components: Floats
    scale: float
    threshold: float
    slope: float
    weights: tuple[str, ...] = ()
    pictures: int = 0
    sample: tuple[str, ...] = ()

    @property
    def channels(self) -> int:
        """How many numbers the pooled features of a picture are."""
        return len(self.mean)

    def distance(self, features: NDArray[np.floating[Any]]) -> float:
        """How far features are from those of the model's own pictures; 0 or more, infinite if they are not finite.

        Args:
            features: of one picture, pooled, `(channels,)`.
        """
        x = features / max(float(np.linalg.norm(features)), 1e-12) - self.mean
        z = self.components @ x
        square = float(x @ x) - float(z @ z)
        return math.sqrt(max(square, 0.0) / self.scale) if math.isfinite(square) else math.inf

    def familiar(self, features: NDArray[np.floating[Any]]) -> float:
        """How familiar features are, 0 to 1: 0.5, which is `result.LIMIT`, at the threshold.

        Args:
            features: as for `distance`.
        """
        beyond = (self.distance(features) - self.threshold) / self.slope
        return 1 / (1 + math.exp(min(beyond, 700.0)))

    def content(self) -> bytes:
        """The content of the file."""
        arrays: dict[str, NDArray[Any]] = {
            "format": np.array(_FORMAT, np.int64),
            "weights": _bytes(self.weights, _SHA256),
            **({"pictures": np.array(self.pictures, np.int64)} if self.pictures else {}),
            **({"sample": _bytes(self.sample, _HASH)} if self.pictures else {}),
            **{name: np.asarray(getattr(self, name), _STORED.get(name, np.float32)) for name in _SHAPES},
        }
        return npz.packed(arrays)


_SHAPES: dict[str, tuple[str, ...]] = {
    "mean": ("channels",),
    "components": ("K", "channels"),
    "scale": (),
    "threshold": (),
    "slope": (),
}
"""The arrays of the file, and their shapes; float32 but those in `_STORED`."""

_STORED: dict[str, type[np.floating[Any]]] = {"components": np.float16}  # half the size, and distances within 0.1 %


def pooled(features: NDArray[np.float32]) -> Floats:
    """The mean of one picture's features over their positions.

    Args:
        features: `(h, w, channels)`, or `(channels,)` already.
    """
    mean: Floats = features.reshape(-1, features.shape[-1]).mean(axis=0, dtype=np.float32)
    return mean


def hashes(manifest: Manifest) -> tuple[str, ...]:
    """The sha256 that a package has of its weights, by which their measure is known."""
    return tuple(sorted(weights.sha256 for weights in manifest.weights.values() if weights.sha256))


def made_for(manifest: Manifest, weights: Iterable[str]) -> bool:
    """Whether what was fitted to weights with these sha256 is for a package's weights; also if one of them has none."""
    own, others = hashes(manifest), set(weights)
    return not own or not others or not others.isdisjoint(own)


def read(folder: Path, manifest: Manifest) -> Unknown | None:
    """The measure in a package's folder; None if it has none.

    Raises:
        PackageError: it is damaged, or was made for another model; the message names the file and says what to do.
    """
    file = folder / FILE
    with files.refusing(PackageError, file):
        if files.kind(file) is None:
            return None
        data = files.read(file, _MOST + 1)
    try:
        found = parse(data)
    except ValueError as error:
        raise _refused(file, str(error)) from error
    if manifest.output.features is None:
        raise _refused(file, f"it needs the model's features, but {MANIFEST} names no output for them, output.features")
    if not made_for(manifest, found.weights):
        raise _refused(file, f"it was made for other weights than those in {MANIFEST}")
    return found


def check_features(file: Path, found: Unknown, shape: tuple[int, ...] | None) -> None:
    """Checks that a measure fits the features that a model gives.

    Args:
        file: the path of the measure.
        found: the measure.
        shape: of the model's features, with the channels last; None if it gives none.

    Raises:
        PackageError: it does not fit.
    """
    if shape is None:
        raise _refused(file, "it needs the model's features, but the model gives none")
    if shape[-1] != found.channels:
        raise _refused(file, f"it is for {found.channels} features, but the model gives {shape[-1]}")


def parse(data: bytes) -> Unknown:
    """Reads the content of the file; nothing in it can run.

    Raises:
        ValueError: it is damaged, or is something else; the message says what.
    """
    arrays = _arrays(data)
    if int(arrays["format"]) != _FORMAT:
        raise ValueError(f"its format is {int(arrays['format'])}, but this version reads {_FORMAT}")
    sizes: dict[str, int] = {}
    for name, shape in _SHAPES.items():
        array = arrays[name]
        expected = np.dtype(_STORED.get(name, np.float32))
        if array.dtype != expected or array.ndim != len(shape):
            raise ValueError(f"its array {name} is {array.dtype} {array.shape}, not {expected} ({', '.join(shape)})")
        for axis, size in zip(shape, array.shape, strict=True):
            if not size or sizes.setdefault(axis, size) != size:
                raise ValueError(f"its array {name} has the shape {array.shape}, which does not fit the others")
        if not np.isfinite(array).all():
            raise ValueError(f"its array {name} has NaN or infinity")
    scalars = {name: float(arrays[name]) for name, shape in _SHAPES.items() if not shape}
    for name, value in scalars.items():
        if value <= 0:
            raise ValueError(f"its {name} is {value:g}, but must be above 0")
    large = [arrays[name].astype(np.float32) for name in ("mean", "components")]
    weights = _hexadecimal(arrays["weights"])
    fitted = (int(arrays["pictures"]), _hexadecimal(arrays["sample"])) if "pictures" in arrays else ()
    return Unknown(large[0], large[1], scalars["scale"], scalars["threshold"], scalars["slope"], weights, *fitted)


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of the file; sizes are checked before anything is unpacked."""
    if len(data) > _MOST:
        raise ValueError(f"it is over {_MOST // 10**6} MB")
    expected = {f"{name}.npy" for name in ("format", "weights", *_SHAPES)}
    fitted = {"pictures.npy", "sample.npy"}  # not in the file of a model that was fitted to arrays
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            inside = {entry.filename: entry.file_size for entry in archive.infolist()}
            if set(inside) not in (expected, expected | fitted) or len(archive.infolist()) != len(inside):
                raise ValueError(f"it should hold {', '.join(sorted(expected))}, not {', '.join(sorted(inside))[:200]}")
            if sum(inside.values()) > _MOST:
                raise ValueError(f"what is in it is over {_MOST // 10**6} MB")
            arrays = {name.removesuffix(".npy"): _array(archive.read(name)) for name in sorted(inside)}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ValueError("it is no .npz file, or is damaged") from error
    if arrays["format"].shape != () or arrays["format"].dtype != np.int64:
        raise ValueError("its format is no number")
    for name, length in (("weights", _SHA256), ("sample", _HASH)):
        if name in arrays and (arrays[name].dtype != np.uint8 or arrays[name].shape[1:] != (length,)):
            raise ValueError(f"its {name} are no hashes of {length} bytes each")
    if "pictures" in arrays and (arrays["pictures"].shape != () or arrays["pictures"].dtype != np.int64):
        raise ValueError("its pictures are no number")
    return arrays


def _array(data: bytes) -> NDArray[Any]:
    """One array, without NumPy's own reader: that would take memory as the array's header says, not as there is."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError("another version")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    except (ValueError, TypeError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError("one of its arrays is damaged") from error
    values = data[stream.tell() :]
    if dtype.hasobject or fortran or dtype.itemsize * math.prod(shape) != len(values):
        raise ValueError("one of its arrays is damaged, or is none of numbers")
    return np.frombuffer(values, dtype).reshape(shape)


def _bytes(hashes: Sequence[str], length: int) -> NDArray[np.uint8]:
    """Hashes in hexadecimal as bytes, `(N, length)`."""
    return np.frombuffer(bytes.fromhex("".join(hashes)), np.uint8).reshape(-1, length)


def _hexadecimal(hashes: NDArray[np.uint8]) -> tuple[str, ...]:
    """The same the other way round."""
    return tuple(bytes(row).hex() for row in hashes)


def _refused(file: Path, reason: str) -> PackageError:
    return PackageError(
        f"{file}: {reason}. Restore it, make it again with `classifier calibrate --unknown`, or remove it."
    )
