"""The models that are in memory: each is loaded once, and the one used least goes when another needs its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from math import inf

from classifier import Classifier, ModelPackage
from classifier.backends.choice import choose
from classifier.backends.names import BACKENDS
from classifier.errors import BackendError
from classifier.machine.cpus import cpu_count
from classifier.machine.queue import WorkQueue
from classifier.picture.prepare import Decoder
from classifier.settings import Settings
from web.errors import NotReadyError

log = logging.getLogger(__name__)


class LoadedModels:
    """Loads and unloads models; safe to use from many threads."""

    def __init__(
        self, settings: Settings, queue: WorkQueue, decoder: Decoder, room: Callable[[], float] = lambda: inf
    ) -> None:
        """Loads nothing yet.

        Args:
            settings: as for `Classifier.load`.
            queue: as for `Classifier.load`.
            decoder: as for `Classifier.load`.
            room: tells the most bytes that all models may take together now.
        """
        self._settings = settings
        self._queue = queue
        self._decoder = decoder
        self._room = room
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

    def load(self, package: ModelPackage, last: str = "") -> Classifier:
        """A model, which is loaded now if it is not yet.

        Args:
            package: the model.
            last: of those that may have to be unloaded for it, the name of the one that goes last.

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
                self._make_room(package, last)
                loaded = Classifier.load(
                    package,
                    settings=self._settings,
                    queue=self._queue,
                    decoder=self._decoder,
                    guarded=True,
                    room=partial(self.has_room_for_copies, package),
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

    def has_room_for_copies(self, package: ModelPackage) -> bool:
        """Whether a model that is loaded may load its copies for many callers."""
        with self._lock:
            return sum(self.held().values()) + self._memory_of_copies(package) <= self._room()

    def held(self) -> dict[str, int]:
        """The most bytes that each loaded model takes."""
        return {
            name: self.memory(one.package) + (self._memory_of_copies(one.package) if one.copies else 0)
            for name, one in self._loaded.items()
        }

    def _memory_of_copies(self, package: ModelPackage) -> int:
        """The most bytes that a copy for each thread takes besides: half as much each, since they share the file."""
        return self.memory(package) * (self._settings.threads or cpu_count()) // 2

    def _loading_of(self, name: str) -> threading.Lock:
        """Held while a model is being loaded."""
        with self._lock:
            return self._loading.setdefault(name, threading.Lock())

    def _make_room(self, package: ModelPackage, last: str) -> None:
        """Unloads the least recently used models until there is room for another."""
        with self._lock:
            held = self.held()
            for name in sorted(held, key=lambda name: (name == last, self._used.get(name, 0))):
                if sum(held.values()) + self.memory(package) <= self._room():
                    return
                log.info("memory is short: unloading the model %s", name)
                del self._loaded[name], held[name]
