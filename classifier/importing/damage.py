"""Whatever a foreign file makes a library raise, as one sentence; and a sign of life for each step with it."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.backends.model_files import Kind
from classifier.errors import ClassifierError, ModelFileError
from classifier.formatting import described
from classifier.importing.network import Network, Run
from classifier.machine import progress

log = logging.getLogger(__name__)

_QUICK: tuple[Kind, ...] = ("tflite", "onnx")  # what is loaded without TensorFlow


@contextmanager
def refusing_damage(file: Path) -> Iterator[None]:
    """Turns what a library raises in the `with` block over a model file into an error with a sentence.

    What concerns this machine and not the file passes: what the system says of files, and modules that are missing.

    Raises:
        ModelFileError: the file is damaged, or is more than the library can take.
    """
    try:
        yield
    except (ClassifierError, ImportError):
        raise
    except Exception as error:  # damaged files make libraries raise errors of any class
        if _of_machine(error):
            raise
        log.debug("%s", file, exc_info=True)
        raise ModelFileError(
            f"{file}: it is damaged or cut off, or of a kind that is not supported ({described(error, 200)}). Export "
            "it again where it was made."
        ) from error


def _of_machine(error: Exception) -> bool:
    """Whether an error is about this machine: a file or the disk, or threads that cannot be started."""
    if isinstance(error, OSError):  # libraries raise it, too: h5py without a number, zipfile for a negative offset
        return error.errno is not None and (error.errno != errno.EINVAL or error.filename is not None)
    return "start new thread" in str(error)


def sign_before_reading(kind: Kind) -> None:
    """Gives a sign of life before a model is read."""
    progress.sign(_patience(kind))


def with_signs(network: Network, kind: Kind) -> Network:
    """The model with a sign of life before it is opened, and before each time that it is run."""

    def open_(shape: tuple[int, ...]) -> Run:
        progress.sign(_patience(kind))
        run = network.open(shape)
        return signing(run)

    return replace(network, open=open_)


def signing(run: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Run:
    """A function that runs a model, with a sign of life before each time."""

    def run_(values: NDArray[np.float32]) -> NDArray[np.float32]:
        progress.sign()
        return run(values)

    return run_


def _patience(kind: Kind) -> float:
    return progress.STEP if kind in _QUICK else progress.LONG_STEP
