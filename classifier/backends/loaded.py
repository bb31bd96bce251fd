"""A loaded model for as long as it is used: through forks of its process, and until it is closed."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from classifier.backends.many import ForMany
from classifier.backends.names import BackendName
from classifier.backends.protocol import Backend, Outputs, Remote, check_kind
from classifier.errors import BackendError, ClassifierError, NotFiniteError
from classifier.machine import forks
from classifier.package import ModelPackage

Load = Callable[[], tuple[Backend, str]]
"""Loads a model into a backend, and says why that one was chosen."""


class LoadedModel:
    """A `Backend`, and a `Remote` where the model runs elsewhere: it passes all on to the backend that it has loaded.

    A process that was forked loads its own when it first needs it: the one that it inherited counts on threads and
    connections that only the parent has.
    """

    def __init__(self, load: Load, again: Load, room: Callable[[], bool] | None = None) -> None:
        """Loads the model.

        Args:
            load: loads it now.
            again: loads it once more, in a process that was forked.
            room: see `ForMany`.
        """
        self._again = again
        self._room = room
        self._closed = False
        self._lock = threading.Lock()
        backend, self.reason = load()
        self._forms: ForMany | None = ForMany(backend, room)
        self.name: BackendName = backend.name
        self.is_remote = isinstance(backend, Remote)
        forks.renew(self)

    def forked(self) -> None:
        """See `forks`."""
        forks.keep(self._forms)
        self._forms = None
        self._lock = threading.Lock()

    @property
    def device(self) -> str:
        """See `Backend`."""
        return self._now().one.device

    @property
    def copies(self) -> bool:
        """Whether it holds weights a second time, for many callers at once."""
        return self._forms is not None and self._forms.copies

    @property
    def problem(self) -> ClassifierError | None:
        """See `Remote`; None where the model runs in this process."""
        backend = self._now().one
        return backend.problem if isinstance(backend, Remote) else None

    @property
    def one(self) -> Backend:
        """The backend itself, in its form for one caller."""
        return self._now().one

    def run(self, batch: NDArray[np.float32]) -> Outputs:
        """See `Backend`."""
        return self._now().one.run(batch)

    def run_one(self, data: NDArray[np.uint8] | NDArray[np.float32], *, features: bool = False) -> Outputs:
        """See `Remote`; only where the model runs elsewhere."""
        backend = self._now().one
        assert isinstance(backend, Remote)  # noqa: S101
        return backend.run_one(data, features=features)

    def for_many(self) -> Backend:
        """See `Backend`; the same one each time."""
        return self._now().get()

    def soon_for_many(self) -> Backend:
        """The same, or the form for one caller while that is not loaded."""
        return self._now().soon()

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
            forms, self._closed = self._forms, True
            self._forms = None
        close = getattr(forms and forms.one, "close", None)
        if close:
            close()

    def _now(self) -> ForMany:
        forms = self._forms
        if forms is None:
            with self._lock:
                self.check_open()
                forms = self._forms = self._forms or ForMany(self._again()[0], self._room)
        return forms


def check_answer(package: ModelPackage, output: Outputs, *, features: bool) -> None:
    """Refuses what is no answer: NaN or infinity, and scores that are not what the package says, for each picture.

    Args:
        package: the model.
        output: what a backend gave.
        features: whether the features will be used.

    Raises:
        NotFiniteError: naming the model.
        PackageError: its scores are probabilities where the package says logits, or the other way round.
    """
    for values in (output.scores, output.features if features else None):
        if values is not None and not np.isfinite(values).all():
            raise NotFiniteError(model=package.name)
    check_kind(package, output.scores)
