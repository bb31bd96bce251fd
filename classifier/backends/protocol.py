"""What each backend offers, and what they share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import BackendName
from classifier.errors import PackageError
from classifier.package import MANIFEST, ModelPackage


class Outputs(NamedTuple):
    """What a model says of a batch.

    Attributes:
        scores: float32 `(N, classes)`, or `(N, 1)` where `output.binary` says so; logits or probabilities as the
            package's `output.logits` says.
        features: float32 `(N, h, w, channels)`, the last feature map, or None where the package names none.
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
        """The same model, made for many callers at once rather than for the shortest answer to one."""


def cpu_device(threads: int) -> str:
    """A CPU as `Backend.device` names it."""
    return f"CPU ({threads} thread{'s' if threads > 1 else ''})"


def check_scores(package: ModelPackage, file: Path, found: tuple[int, ...]) -> None:
    """Checks the shape of the scores of one picture.

    Raises:
        PackageError: when it is not what the manifest says.
    """
    expected = (1, package.manifest.output.scores)
    if found != expected:
        raise PackageError(
            f"{file}: its scores have the shape {found}, "
            f"but output.classes in {package.folder / MANIFEST} expects {expected}"
        )
