"""A loaded model for as long as it is used: through forks of its process, and until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from classifier.backends.names import BackendName
from classifier.backends.protocol import Backend, Outputs, Remote
from classifier.errors import BackendError, ClassifierError, NotFiniteError
from classifier.machine import forks

Load = Callable[[], tuple[Backend, str]]
"""Loads a model into a backend, and says why that one was chosen."""


class LoadedModel:
    """A `Backend`, and a `Remote` where the model runs elsewhere: it passes all on to the backend that it has loaded.

    A process that was forked loads its own when it first needs it: the one that it inherited counts on threads and
    connections that only the parent has.
    """

    def __init__(self, load: Load, again: Load) -> None:
        """Loads the model.

        Args:
            load: loads it now.
            again: loads it once more, in a process that was forked.
        """
        self._again = again
        self._closed = False
        self._many: Backend | None = None
        self._lock = threading.Lock()
        backend, self.reason = load()
        self._backend: Backend | None = backend
        self.name: BackendName = backend.name
        self.is_remote = isinstance(backend, Remote)
        forks.renew(self)

    def forked(self) -> None:
        """See `forks`."""
        for one in (self._backend, self._many):
            forks.keep(one)
        self._backend = self._many = None
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """See `Backend`."""
        return self._now().device

    @property
    def problem(self) -> ClassifierError | None:
        """See `Remote`; None where the model runs in this process."""
        backend = self._now()
        return backend.problem if isinstance(backend, Remote) else None

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """See `Backend`."""
        return self._now().run(batch)

    def run_one(self, data: NDArray[np.uint8] | NDArray[np.float32], *, features: bool = False) -> Outputs:
        """See `Remote`; only where the model runs elsewhere."""
        backend = self._now()
        assert isinstance(backend, Remote)  # noqa: S101
        return backend.run_one(data, features=features)

    def for_many(self) -> Backend:
        """See `Backend`; the same one each time."""
        backend = self._now()
        with self._lock:
            if self._many is None:
                self._many = backend.for_many()
            return self._many

    def check_open(self) -> None:
        """Refuses to go on once it is closed.

        Raises:
            BackendError: it is closed.
        """
        if self._closed:
            raise BackendError("This classifier was closed. Load the model again: Classifier.load(...).")

    def close(self) -> None:
        """Gives up the model's memory and connections; what is running now still ends. Later calls do nothing."""
        with self._lock:
            backend, self._closed = self._backend, True
            self._backend = self._many = None
        close = getattr(backend, "close", None)
        if close:
            close()

    def _now(self) -> Backend:
        backend = self._backend
        if backend is None:
            with self._lock:
                self.check_open()
                backend = self._backend = self._backend or self._again()[0]
        return backend


def check_finite(model: str, output: Outputs, *, features: bool) -> None:
    """Refuses what is no answer: a score that is NaN or infinite, which would be compared, sorted and averaged.

    Args:
        model: the model's name.
        output: what a backend gave.
        features: whether the features will be used.

    Raises:
        NotFiniteError: naming the model.
    """
    for values in (output.scores, output.features if features else None):
        if values is not None and not np.isfinite(values).all():
            raise NotFiniteError(model=model)
