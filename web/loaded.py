"""The models that are in memory: each is loaded once, and the one used least goes when another needs its place."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from classifier import Classifier, ModelPackage
from classifier.backends.choice import choose
from classifier.backends.names import BACKENDS
from classifier.errors import BackendError
from classifier.formatting import millions
from classifier.machine.cpus import cpu_count
from classifier.machine.queue import WorkQueue
from classifier.picture.prepare import Decoder
from classifier.settings import Settings
from web.errors import NoRoomError, NotReadyError

log = logging.getLogger(__name__)


class ModelChangedError(Exception):
    """The package that was asked for has been replaced: ask again for the one that is there now."""


class LoadedModels:
    """Loads and unloads models; safe to use from many threads."""

    def __init__(
        self,
        settings: Settings,
        queue: WorkQueue,
        decoder: Decoder,
        room: Callable[[], float],
        offered: Callable[[str], ModelPackage | None],
    ) -> None:
        """Loads nothing yet.

        Args:
            settings: as for `Classifier.load`.
            queue: as for `Classifier.load`.
            decoder: as for `Classifier.load`.
            room: tells the most bytes that all models may take together now.
            offered: tells the package of a name, as it is now.
        """
        self._settings = settings
        self._queue = queue
        self._decoder = decoder
        self._room = room
        self._offered = offered
        # One lock guards what is loaded; it is not held while a model is being loaded.
        self._lock = threading.Lock()
        self._loading: dict[str, threading.Lock] = {}
        self._loaded: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}
        self._sizes: dict[tuple[str, str], int] = {}

    def find(self, name: str) -> Classifier | None:
        """A model if it is loaded."""
        return self._loaded.get(name)

    def last_used(self) -> Classifier | None:
        """The model that was asked for last; None if none is loaded."""
        loaded = list(self._loaded.values())
        return max(loaded, key=lambda model: self._used.get(model.package.name, 0), default=None)

    def get(self, package: ModelPackage, last: str = "") -> Classifier:
        """A model, which is loaded now if it is not yet.

        Args:
            package: the model.
            last: of those that may have to be unloaded for it, the name of the one that goes last.

        Raises:
            ModelChangedError: the package is not the present one of its name.
            NotReadyError: another thread is loading it.
            ClassifierError: as `Classifier.load` does.
        """
        self._used[package.name] = time.monotonic()
        loaded = self.find(package.name) or self._load(package, last)
        if loaded.package.version != package.version:
            raise ModelChangedError
        return loaded

    def load_beside(self, package: ModelPackage, more: int = 0) -> Classifier | None:
        """A model that is to take the place of the one of its name, which stays until `replace`.

        Args:
            package: the new model.
            more: bytes that may be used besides those for models.

        Returns:
            The new model; None if there is none of its name in memory, and no room for it without unloading others:
            then it is loaded when it is first asked for.

        Raises:
            NoRoomError: both do not fit into memory; the message says so.
            ClassifierError: as `Classifier.load` does.
        """
        needed, room = self.memory(package), self._room() + more
        with self._lock:
            held = self.held()
            if package.name not in held and sum(held.values()) + needed > room:
                return None
            if held.get(package.name, 0) + needed > room:
                raise NoRoomError(
                    f"{package.folder}: this version of {package.name} needs up to {millions(needed)} MB until it has "
                    f"taken the place of the one before, which has {millions(held[package.name])} MB, and all models "
                    f"may have {millions(int(room))} MB. Raise the memory limit, or start the server again."
                )
            self._unload(held, needed, room, (package.name,))
        return self._made(package)

    @contextmanager
    def replacing(self, names: set[str]) -> Iterator[dict[str, Classifier]]:
        """Gives what is loaded, to be changed for these names while nobody loads any of them."""
        locks = [self._loading_of(name) for name in sorted(names)]
        for lock in locks:
            lock.acquire()
        try:
            with self._lock:
                yield self._loaded
                present = {(name, model.package.version) for name, model in self._loaded.items()}
                self._sizes = {key: size for key, size in self._sizes.items() if key[0] not in names or key in present}
        finally:
            for lock in locks:
                lock.release()

    def wait(self, name: str) -> None:
        """Returns when nobody is loading a model any more."""
        with self._loading_of(name):
            pass

    def memory(self, package: ModelPackage) -> int:
        """The most bytes that a model takes when it is loaded; 0 for a model that cannot be loaded here."""
        key = (package.name, package.version)
        if key not in self._sizes:
            try:
                backend = BACKENDS[choose(package, self._settings.backend).name]
            except BackendError:
                return 0
            self._sizes[key] = package.weights_size(backend.form) * backend.memory
        return self._sizes[key]

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

    def _load(self, package: ModelPackage, last: str) -> Classifier:
        lock = self._loading_of(package.name)
        if not lock.acquire(blocking=False):
            raise NotReadyError
        try:
            if loaded := self.find(package.name):
                return loaded
            offered = self._offered(package.name)
            if offered is None or offered.version != package.version:
                raise ModelChangedError
            with self._lock:
                self._unload(self.held(), self.memory(package), self._room(), (last,))
            loaded = self._made(package)
            with self._lock:
                self._loaded[package.name] = loaded
            return loaded
        finally:
            lock.release()

    def _made(self, package: ModelPackage) -> Classifier:
        return Classifier.load(
            package,
            settings=self._settings,
            queue=self._queue,
            decoder=self._decoder,
            guarded=True,
            room=partial(self.has_room_for_copies, package),
        )

    def _unload(self, held: dict[str, int], needed: int, room: float, last: tuple[str, ...]) -> None:
        """Unloads the least recently used models until there is room for another, with the lock held."""
        for name in sorted(held, key=lambda name: (name in last, self._used.get(name, 0))):
            if sum(held.values()) + needed <= room:
                return
            log.info("memory is short: unloading the model %s", name)
            del self._loaded[name], held[name]
