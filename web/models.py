"""The models this server offers: loaded once, shared by page and API, the default one at the start."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Literal

from classifier import Classification, Classifier, ModelPackage
from classifier.classifier import Source
from classifier.errors import ClassifierError, NotReadyError, PackageError, ParameterError, UnknownModelError
from classifier.machine.cpus import cpu_count
from classifier.machine.memory import available_memory, free_memory
from classifier.machine.queue import WorkQueue
from classifier.package import find_packages
from classifier.package.opened import forget, opened_package
from classifier.picture.limits import millions, pixels_within
from classifier.picture.sandbox import Workers
from classifier.settings import Settings, read_settings
from web import metrics

log = logging.getLogger(__name__)

State = Literal["starting", "ready", "failed"]

# What a loaded model takes of its file's size: 3 to 4 times on LiteRT, up to 6 on TensorFlow, as the process grew by
# when Lite0 and Lite2 were loaded twice each; the rest is room to go on working in.
_MEMORY_PER_BYTE = 6
_MEMORY_SPARE = 100_000_000

# What the server takes once its first visitors have come: the API, the page's modules, what is kept for each visit.
_GROWTH = 30_000_000

# A picture's bytes may lie in memory several times, in a form and at a decoder, and so for some visitors at once.
_UPLOADS_IN_MEMORY = 16


class Models:
    """All packages of the models folder, and the default one if it lies elsewhere."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Loads nothing yet; see `start`."""
        settings = settings or read_settings()
        self.free = available_memory()
        if self.free is not None:
            max_bytes = min(settings.max_bytes, self.free // _UPLOADS_IN_MEMORY)
            settings = settings.model_copy(update={"max_bytes": max_bytes})
        self.settings = settings
        self.queue = WorkQueue(cpu_count(), self.settings.queue)
        self.decoder = Workers(self.settings.limits)
        self.packages: dict[str, ModelPackage] = {}
        self.default = ""
        self.state: State = "starting"
        self.error: ClassifierError | None = None
        self._folder: Path | None = None
        self._loaded: dict[str, Classifier] = {}
        self._used: dict[str, float] = {}
        self._lock = threading.RLock()

    def start(self) -> None:
        """Finds the packages and loads the default one; takes as long as that takes. Only the first call works.

        Never raises: what went wrong is in `state` and `error`, so that the server can say it.
        """
        with self._lock:
            if self.state != "starting":
                return
            try:
                self.decoder.start()
                for folder in find_packages(self.settings.models).values():
                    self._add(folder)
                package = opened_package(self.settings)
                self._folder = package.folder
                self.packages[package.name] = package
                self.default = package.name
                self._load(package.name)
                self._settle()
                self.state = "ready"
            except ClassifierError as error:
                log.error("the default model cannot be loaded: %s", error)
                self.error, self.state = error, "failed"
            except Exception:
                log.exception("the default model cannot be loaded")
                self.error = PackageError("The model cannot be loaded; the server's log says why.")
                self.state = "failed"

    def get(self, name: str | None = None, *, wait: bool = False) -> Classifier:
        """A loaded model; one other than the default is loaded when first asked for.

        Args:
            name: a key of `packages`; the default model if None.
            wait: whether to wait until the server has started, instead of raising.

        Raises:
            NotReadyError: the server has not started yet, or its default model cannot be loaded.
            UnknownModelError: there is no such model.
        """
        if wait:
            self.start()
        name = self.resolve(name)
        self._used[name] = time.monotonic()
        loaded = self._loaded.get(name)
        if loaded is None:
            # Loading can take seconds; only those who asked for this model wait for it.
            with self._lock:
                loaded = self._load(name)
        return loaded

    def resolve(self, name: str | None) -> str:
        """The name of the model that `get` would give, without loading it.

        Raises:
            NotReadyError: the server has not started yet, or its default model cannot be loaded.
            UnknownModelError: there is no such model.
        """
        if self.state == "starting":
            raise NotReadyError("The model is still loading. Try again in a few seconds.")
        if self.state == "failed":
            raise NotReadyError("The model could not be loaded. The operator finds the reason in the log.")
        name = name or self.default
        if name not in self.packages:
            raise UnknownModelError(
                f"There is no model {name!r}. Choose from: {', '.join(self.packages)}.",
                model=name,
                models=", ".join(self.packages),
            )
        return name

    def classify(
        self,
        data: Source,
        *,
        client: Literal["api", "page"],
        model: str | None = None,
        top_k: int | None = None,
        lang: str | None = None,
        wait: bool = False,
    ) -> Classification:
        """Classifies one picture and counts it; the one way for page and API.

        Raises:
            ClassifierError: as `get` and `Classifier.classify` do.
        """
        try:
            result = self.get(model, wait=wait).classify(data, top_k, lang)
        except ClassifierError as error:
            metrics.count_error(client, error)
            raise
        metrics.count(client, result)
        return result

    def last_used(self) -> Classifier | None:
        """The model that was asked for last, without loading any."""
        loaded = list(self._loaded.values())
        return max(loaded, key=lambda one: self._used.get(one.package.name, 0), default=None)

    def forget(self) -> None:
        """Removes what was written for this process's life alone: the package of a bare model file."""
        if self._folder:
            forget(self._folder)

    def _settle(self) -> None:
        """Shares what memory there is now, the model loaded, and brings the limits that are told down to it."""
        self.free = free_memory(_GROWTH)
        self.decoder.settle(_GROWTH)
        max_pixels = min(self.settings.max_pixels, pixels_within(self.decoder.bounds.memory))
        if max_pixels < self.settings.max_pixels:
            log.info(
                "with %d MB of memory left, pictures of %s million pixels are decoded; JPEGs may be larger",
                (self.free or 0) / 1e6,
                millions(max_pixels),
            )
        self.settings = self.settings.model_copy(update={"max_pixels": max_pixels})

    def _add(self, folder: Path) -> None:
        try:
            package = ModelPackage.load(folder)
            self.packages[package.name] = package
        except PackageError as error:
            log.warning("left out: %s", error)

    def _load(self, name: str) -> Classifier:
        if name not in self._loaded:
            self._make_room(self.packages[name])
            package = self.packages[name]
            self._loaded[name] = Classifier.load(
                package, settings=self.settings, queue=self.queue, decoder=self.decoder
            )
        return self._loaded[name]

    def _make_room(self, package: ModelPackage) -> None:
        """Lets go of the models used least recently, while memory is short; of the default one last."""
        files = (package.folder / weights.file for weights in package.manifest.weights.values())
        size = max(map(_size, files))
        for name in sorted(self._loaded, key=lambda name: (name == self.default, self._used.get(name, 0))):
            free = available_memory()
            if free is None or free > size * _MEMORY_PER_BYTE + _MEMORY_SPARE:
                return
            log.info("memory is short: letting go of %s", name)
            del self._loaded[name]


def _size(weights: Path) -> int:
    """Bytes of a file, or of a SavedModel's folder."""
    files = weights.rglob("*") if weights.is_dir() else [weights]
    return sum(file.stat().st_size for file in files)


# This process's models, for page and API alike.
try:
    models = Models()
except ParameterError as wrong:  # a server that cannot know its limits must not start
    raise SystemExit(wrong.message) from None
