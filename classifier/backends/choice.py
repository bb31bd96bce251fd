"""Chooses a backend for a package on this machine, and loads the package into it."""

from __future__ import annotations

import importlib
import logging
from typing import NamedTuple

from classifier.backends import gpu
from classifier.backends.names import AUTO, BACKENDS, LITERT, REMOTE, TENSORFLOW, BackendName, info
from classifier.backends.protocol import Backend
from classifier.backends.remote.addresses import Engine
from classifier.backends.trial import try_out
from classifier.errors import BackendError, ClassifierError, PackageError
from classifier.formatting import described, listed
from classifier.package import MANIFEST, ModelPackage

log = logging.getLogger(__name__)


class Choice(NamedTuple):
    """A backend's name and why it was chosen."""

    name: BackendName
    reason: str


def choose(package: ModelPackage, name: str = AUTO) -> Choice:
    """The backend for a package on this machine.

    Args:
        package: the model.
        name: a key of `names.BACKENDS`, or `auto`: TensorFlow if it can use a GPU here, else the first installed
            backend that can run the package.

    Raises:
        BackendError: no installed backend can run the package, or there is no backend of that name.
    """
    if name != AUTO:
        return Choice(info(name).name, "chosen by the operator")
    why_not = _why_no_gpu(package)
    if why_not is None:
        return Choice(TENSORFLOW.name, "a GPU is there and TensorFlow can use it")
    fitting = [backend for backend in BACKENDS.values() if backend.form in package.manifest.weights]
    for backend in fitting:
        if backend.installed:
            why = f"{backend.title} is the fastest on a CPU" if backend is LITERT else "this package has no LiteRT form"
            return Choice(backend.name, f"{why}; no GPU: {why_not}")
    if not fitting:
        raise BackendError(
            f"The model {package.name} has no weights, so it runs only in a remote engine. "
            "Set CLASSIFIER_BACKEND=remote and CLASSIFIER_REMOTE_URL."
        )
    needed = listed(backend.title for backend in fitting)
    raise BackendError(f"The model {package.name} needs {needed}, which is not installed. {fitting[0].remedy}")


def load_backend(
    package: ModelPackage,
    name: str,
    threads: int,
    *,
    trust: bool = False,
    guarded: bool = False,
    engine: Engine | None = None,
) -> tuple[Backend, str]:
    """Loads a package's weights into a backend and warms it up; the remote backend needs none, and waits for nothing.

    Args:
        package: the model.
        name: `auto`, or a key of `names.BACKENDS`.
        threads: CPU threads for inference.
        trust: whether to load weights that can run code when they are loaded.
        guarded: whether weights that others made are first tried in a child process, which they may crash.
        engine: what the remote backend uses.

    Returns:
        The backend, and why it was chosen.

    Raises:
        BackendError: when the backend cannot run the package here.
        PackageError: when the weights are missing or were changed.
        TrustError: when the weights can run code, and `trust` is false.
    """
    choice = choose(package, name)
    chosen = BACKENDS[choice.name]
    if chosen.form is None:
        return _remote(package, engine), choice.reason
    if chosen.form not in package.manifest.weights:
        have = ", ".join(package.manifest.weights) or "no other"
        raise BackendError(
            f"The model {package.name} has no weights for the {chosen.name} backend, only for {have}. "
            "Set CLASSIFIER_BACKEND=auto."
        )
    if not chosen.installed:
        raise BackendError(f"The {chosen.name} backend needs {chosen.title}, which is not installed. {chosen.remedy}")
    if chosen.gpu:
        gpu.hide_unusable()  # before the backend's module is imported, which imports TensorFlow
    kind = getattr(importlib.import_module(chosen.module), chosen.kind)
    if guarded:
        try_out(package, chosen, threads, trust=trust)
    try:
        backend: Backend = kind(package, threads, trust=trust)
    except (ClassifierError, OSError, ImportError, MemoryError):
        raise
    except Exception as error:  # damaged weights make libraries raise errors of any class
        raise PackageError(
            f"{package.folder / package.manifest.weights[chosen.form].file}: {chosen.title} cannot run it; it is "
            f"damaged, or does not fit {MANIFEST}: {described(error)}"
        ) from error
    log.info("%s: %s backend on %s (%s)", package.name, chosen.name, backend.device, choice.reason)
    return backend, choice.reason


def try_first(package: ModelPackage, name: str, threads: int, *, trust: bool = False) -> None:
    """What `load_backend` does first when it is guarded, ahead of it: it takes time, and memory of its own.

    Raises:
        ClassifierError: as `load_backend` does.
    """
    chosen = BACKENDS[choose(package, name).name]
    if chosen.installed and chosen.form in package.manifest.weights:
        try_out(package, chosen, threads, trust=trust)


def _remote(package: ModelPackage, engine: Engine | None) -> Backend:
    if engine is None:
        raise BackendError(f"The {REMOTE.name} backend needs an engine's address. Set CLASSIFIER_REMOTE_URL.")
    kind = getattr(importlib.import_module(REMOTE.module), REMOTE.kind)
    backend: Backend = kind(package, engine)
    log.info("%s: %s backend, %s", package.name, REMOTE.name, backend.device)
    return backend


def _why_no_gpu(package: ModelPackage) -> str | None:
    """Why a package does not run on an NVIDIA GPU here; None if it does."""
    if reason := gpu.unused_by_image():
        log.warning("%s", reason)
        return reason
    if TENSORFLOW.form not in package.manifest.weights:
        return "this package has no TensorFlow form, which a GPU needs"
    if not TENSORFLOW.installed:
        return "TensorFlow, which a GPU needs, is not installed"
    return gpu.why_not()
