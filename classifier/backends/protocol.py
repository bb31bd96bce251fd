"""The protocol that each backend follows, and the functions that backends share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import BackendName
from classifier.errors import ClassifierError, PackageError
from classifier.package import MANIFEST, ModelPackage, OutputSpec, unknown

_NEARLY = 0.01  # by how much probabilities of an 8-bit model may leave 0 to 1
_SUM = 1e-3  # by how much the sum of probabilities may miss 1


class Outputs(NamedTuple):
    """A model's outputs for a batch.

    Attributes:
        scores: float32 `(N, classes)`, or `(N, 1)` if the package says `output.binary`; logits or probabilities as its
            `output.logits` says.
        features: float32 `(N, h, w, channels)`, the last feature map, or None if the package names no such output.
    """

    scores: NDArray[np.float32]
    features: NDArray[np.float32] | None


class Backend(Protocol):
    """Runs one loaded and warmed-up model; safe to call from many threads."""

    name: BackendName

    @property
    def device(self) -> str:
        """Where the last batch ran, for people: `CPU (2 threads)`, `GPU (NVIDIA T4)`."""

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)` float32."""

    def for_many(self) -> Backend:
        """A backend of the same model for many callers at once: built for throughput, not for the latency of one."""


@runtime_checkable
class Remote(Protocol):
    """What a backend offers besides, if its model runs elsewhere: it may be out of reach, and bytes take time."""

    @property
    def problem(self) -> ClassifierError | None:
        """Why the model cannot be used now; None if it can be."""

    def run_one(self, data: NDArray[np.uint8] | NDArray[np.float32], *, features: bool = False) -> Outputs:
        """Runs one picture: what many callers bring at the same time goes together.

        Args:
            data: its pixels, uint8 `(H, W, 3)`, or `(N, H, W, 3)` of several views, which are scaled where that is
                cheapest; or scaled values, float32, of one view.
            features: whether the features are needed, which take time to come. Those that the package's measure of what
                is unknown needs come in any case, if the model gives some there.

        Returns:
            Outputs of a batch of one, or of the views.
        """


def output_names(
    package: ModelPackage, file: Path, outputs: Mapping[str, Sequence[int | None]]
) -> tuple[str, str | None]:
    """The names of a model's scores, and of its features if the package names them. An only output is the scores.

    Args:
        package: the model's package.
        file: its weights.
        outputs: the shape of each of its outputs, batch included, with None for a dimension of any size.

    Raises:
        PackageError: it has no output of that name, or the package does not say which of several has the scores.
    """
    spec, where = package.manifest.output, package.folder / MANIFEST
    if len(outputs) == 1:
        return next(iter(outputs)), None
    names = ", ".join(outputs)
    for key, wanted in (("name", spec.name), ("features", spec.features)):
        if wanted is not None and wanted not in outputs:
            raise PackageError(f"{file}: its outputs are {names}, but output.{key} in {where} is {wanted}")
    if spec.name is not None:
        return spec.name, spec.features
    found = [name for name in outputs if name != spec.features]
    if len(found) > 1:
        found = [name for name in found if count(outputs[name]) == spec.scores]
    if len(found) != 1:
        raise PackageError(f"{file}: its outputs are {names}; output.name in {where} must say which has the scores")
    return found[0], spec.features


def count(shape: Sequence[int | None]) -> int | None:
    """How many numbers an output of this shape, batch included, has for each picture; None if that is not known."""
    sides = [side for side in shape[1:] if side is not None]
    return math.prod(sides) if len(sides) == len(shape) - 1 else None


def cpu_device(threads: int) -> str:
    """A CPU as `Backend.device` names it."""
    return f"CPU ({threads} thread{'s' if threads > 1 else ''})"


def check_features(package: ModelPackage, features: NDArray[np.float32] | None) -> None:
    """Checks that the features of one picture fit the package's measure of what is unknown, if it has one.

    Raises:
        PackageError: they do not.
    """
    if package.unknown:
        shape = None if features is None else features.shape
        unknown.check_features(package.folder / unknown.FILE, package.unknown, shape)


def check_scores(package: ModelPackage, file: Path, found: NDArray[np.float32]) -> None:
    """Checks the scores of one picture.

    Raises:
        PackageError: their shape or their kind is not what the manifest says.
    """
    expected = (1, package.manifest.output.scores)
    if found.shape != expected:
        raise PackageError(
            f"{file}: its scores have the shape {found.shape}, "
            f"but output.classes in {package.folder / MANIFEST} expects {expected}"
        )
    check_kind(package, found)


def check_kind(package: ModelPackage, scores: NDArray[np.float32]) -> None:
    """Checks that scores `(N, scores)` are logits or probabilities as the package says, as far as that can be seen.

    Raises:
        PackageError: they are the other ones.
    """
    if wrong := wrong_kind(scores, package.manifest.output):
        raise PackageError(f"{package.folder / MANIFEST}: the model's {wrong}. Correct it there.")


def wrong_kind(scores: NDArray[np.float32], spec: OutputSpec) -> str | None:
    """In what scores `(N, scores)` are not what the package says of them, from `scores are`; None if nothing is seen.

    A score that is shown as a probability must be one, and a second softmax would make all classes alike.
    """
    if not np.isfinite(scores).all():  # as of the blank picture that warms up a model that standardises
        return None
    bounded = scores.min(initial=0) >= -_NEARLY and scores.max(initial=0) <= 1 + _NEARLY
    if not spec.logits and not bounded:
        return f"scores are not probabilities, which {MANIFEST} says (output.logits)"
    whole = spec.scores > 2 and not spec.multi_label and scores.min(initial=0) >= 0
    if spec.logits and bounded and whole and bool((np.abs(scores.sum(axis=1) - 1) <= _SUM).all()):
        return f"scores are probabilities already, but {MANIFEST} says logits (output.logits)"
    return None
