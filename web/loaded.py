"""The models that are in memory: each is loaded once, and the one used least goes when another needs its place."""

from __future__ import annotations

import logging
import threading
import time

from classifier import Classifier, ModelPackage
from classifier.backends.choice import choose
from classifier.backends.names import BACKENDS
from classifier.errors import BackendError
from classifier.machine.queue import WorkQueue
from classifier.picture.prepare import Decoder
from classifier.settings import Settings
from web.errors import NotReadyError

log = logging.getLogger(__name__)


class LoadedModels:
    """Loads and unloads models; safe to use from many threads."""

    def __init__(self, settings: Settings, queue: WorkQueue, decoder: Decoder) -> None:
        """Loads nothing yet. Args: as for `Classifier.load`."""
        self._settings = settings
        self._queue = queue
        self._decoder = decoder
        # One lock guards what is loaded; it is not held while a model is being loaded.
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}
        self._sizes: dict[str, int] = {}

    def find(self, name: str) -> Classifier | None:
        """A model if it is loaded."""
        return self._loaded.get(name)

    def last_used(self) -> Classifier | None:
        """The model that was asked for last; None if none is loaded."""
        loaded = list(self._loaded.values())
        return max(loaded, key=lambda model: self._used.get(model.package.name, 0), default=None)

    def use(self, name: str) -> Classifier | None:
        """A model if it is loaded, and in any case notes that it is asked for now."""
        self._used[name] = time.monotonic()
        return self.find(name)

    def load(self, package: ModelPackage, *, room: int | None = None, last: str = "") -> Classifier:
        """A model, which is loaded now if it is not yet.

        Args:
            package: the model.
            room: the most bytes that all models may take together, for which others are unloaded; any if None.
            last: the name of the model that is unloaded last.

        Raises:
            NotReadyError: another thread is loading it.
            ClassifierError: as `Classifier.load` does.
        """
        lock = self._loading_of(package.name)
        if not lock.acquire(blocking=False):
            raise NotReadyError
        try:
            loaded = self.find(package.name)
            if loaded is None:
                if room is not None:
                    self._make_room(package, room, last)
                loaded = Classifier.load(
                    package, settings=self._settings, queue=self._queue, decoder=self._decoder, guarded=True
                )
                with self._lock:
                    self._loaded[package.name] = loaded
            return loaded
        finally:
            lock.release()

    def wait(self, name: str) -> None:
        """Returns when nobody is loading a model any more."""
        with self._loading_of(name):
            pass

    def memory(self, package: ModelPackage) -> int:
        """The most bytes that a model takes when it is loaded; 0 for a model that cannot be loaded here."""
        if package.name not in self._sizes:
            try:
                backend = BACKENDS[choose(package, self._settings.backend).name]
            except BackendError:
                return 0
            self._sizes[package.name] = package.weights_size(backend.form) * backend.memory
        return self._sizes[package.name]

    def _loading_of(self, name: str) -> threading.Lock:
        """Held while a model is being loaded."""
        with self._lock:
            return self._loading.setdefault(name, threading.Lock())

    def _make_room(self, package: ModelPackage, room: int, last: str) -> None:
        """Unloads the least recently used models until there is room for another."""
        with self._lock:
            held = {name: self.memory(model.package) for name, model in self._loaded.items()}
            for name in sorted(held, key=lambda name: (name == last, self._used.get(name, 0))):
                if sum(held.values()) + self.memory(package) <= room:
                    return
                log.info("memory is short: unloading the model %s", name)
                del self._loaded[name], held[name]
