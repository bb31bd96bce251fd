"""What runs a model: an array in, scores out. Two backends behind one small protocol, and the choice between them."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from classifier.backends import gpu
from classifier.errors import BackendError, PackageError
from classifier.package import MANIFEST, Form, ModelPackage

log = logging.getLogger(__name__)

EXTRA_HINT = (
    "It is the extra `tensorflow` (for an NVIDIA GPU the extra `cuda`): `make demo-tensorflow` sets it up, "
    "or install requirements/tensorflow.txt (requirements/cuda.txt)."
)


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

    name: Form

    @property
    def device(self) -> str:
        """Where the last batch ran, for people: `CPU (2 threads)`, `GPU (NVIDIA T4)`."""

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """Runs a batch `(N, H, W, 3)` float32."""

    def for_many(self) -> Backend:
        """The same model, made for many callers at once rather than for the shortest answer to one."""


class Choice(NamedTuple):
    """A backend's name and why it was chosen."""

    name: Form
    reason: str


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


def tensorflow_installed() -> bool:
    """Whether TensorFlow can be imported, without importing it (seconds, and hundreds of MB)."""
    return importlib.util.find_spec("tensorflow") is not None


def choose(package: ModelPackage) -> Choice:
    """The backend for a package on this machine: a GPU that works, else LiteRT, else TensorFlow on the CPU.

    Raises:
        BackendError: when no form of the package can be run with what is installed.
    """
    forms = package.manifest.weights
    usable = "tensorflow" in forms and tensorflow_installed()
    if why_not := gpu.unused_by_image():
        log.warning("%s", why_not)
    elif usable:
        # The driver is asked first: it answers in milliseconds, TensorFlow in seconds.
        why_not = gpu.why_not()
        if why_not is None:
            return Choice("tensorflow", "a GPU is there and TensorFlow can use it")
    elif "tensorflow" not in forms:
        why_not = "this package has no TensorFlow form, which a GPU needs"
    else:
        why_not = "TensorFlow, which a GPU needs, is not installed"
    if "litert" in forms:
        return Choice("litert", f"LiteRT is the fastest on a CPU; no GPU: {why_not}")
    if usable:
        return Choice("tensorflow", f"this package has no LiteRT form; no GPU: {why_not}")
    raise BackendError(
        f"The model {package.name} has a TensorFlow form only, and TensorFlow is not installed. " + EXTRA_HINT
    )


def load_backend(package: ModelPackage, name: str, threads: int, *, trust: bool = False) -> tuple[Backend, str]:
    """Loads a package's weights into a backend and warms it up.

    Args:
        package: the model.
        name: `auto`, `litert` or `tensorflow`.
        threads: CPU threads for inference.
        trust: whether weights that can run code when they are loaded may be.

    Returns:
        The backend, and why it was chosen.

    Raises:
        BackendError: when the backend cannot run the package here.
        PackageError: when the weights are missing or were changed.
        TrustError: when they need a trust that was not given.
    """
    choice = choose(package) if name == "auto" else Choice(_named(name), "chosen by the operator")
    if choice.name not in package.manifest.weights:
        have = ", ".join(package.manifest.weights)
        raise BackendError(
            f"The model {package.name} has no weights for the {choice.name} backend, only for {have}. "
            "Set CLASSIFIER_BACKEND=auto."
        )
    backend: Backend
    if choice.name == "litert":
        from classifier.backends.litert import LiteRTBackend

        backend = LiteRTBackend(package, threads)
    else:
        if not tensorflow_installed():
            raise BackendError("The tensorflow backend needs TensorFlow, which is not installed. " + EXTRA_HINT)
        gpu.hide_unusable()
        from classifier.backends.tensorflow import TensorFlowBackend

        backend = TensorFlowBackend(package, threads, trust=trust)
    log.info("%s: %s backend on %s (%s)", package.name, choice.name, backend.device, choice.reason)
    return backend, choice.reason


def _named(name: str) -> Form:
    if name == "litert":
        return "litert"
    if name == "tensorflow":
        return "tensorflow"
    raise BackendError(f"There is no backend {name!r}. Choose auto, litert or tensorflow.")
