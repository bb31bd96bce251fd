"""The models this server offers: loaded once, shared by page and API, the default one at the start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache, partial
from math import inf
from typing import Any, Literal

from classifier import Classification, Classifier, ModelPackage
from classifier.asked import Explain, explained
from classifier.errors import ClassifierError, PackageError, StoppingError
from classifier.explanation.explain import Progress
from classifier.machine.queue import WorkQueue
from classifier.machine.slots import Turn
from classifier.package.opened import forget
from classifier.picture.limits import Limits
from classifier.picture.sandbox import Workers
from classifier.settings import Settings, read_settings
from classifier.sources import Source
from classifier.views import View
from web import memory, metrics
from web.clients import CLIENTS
from web.errors import ModelFailedError, NotReadyError
from web.library import Library
from web.loaded import ModelChangedError
from web.reloading import Reloading
from web.server.shutdown import is_stopping

log = logging.getLogger(__name__)

State = Literal["starting", "ready", "failed"]
Readiness = State | Literal["engine_unavailable", "stopping"]
Asking = Literal["api", "page"]
"""Who asks for a classification, for the metrics."""

Take = Callable[[], AbstractContextManager[Turn]]


class Models:
    """All packages of the models folder, and the default one if it lies elsewhere."""

    def __init__(self, settings: Settings) -> None:
        """Loads nothing yet; see `start`."""
        self.settings = settings
        CLIENTS.share = settings.client_share
        self.queue = WorkQueue(settings.turns, settings.queue, CLIENTS, ahead=settings.ahead)
        self.decoder = Workers(settings.limits)
        self.library = Library(settings, self.queue, self.decoder, self._room)
        self.reloading = Reloading(settings, self.library, partial(self.start, again=True))
        self.state: State = "starting"
        self.error: ClassifierError | None = None
        self.plan = memory.divided(settings, self.decoder)
        """How memory is divided: decided once, when the default model is loaded; until then for early uploads only."""
        self._starting = threading.Lock()
        self._loaded = self.library.loaded
        self._default_size = 0

    def start(self, *, again: bool = False) -> bool:
        """Finds the packages and loads the default one; returns when that is done. Later calls only wait for it.

        Never raises: what went wrong is in `state` and `error`, so that the server can report it.

        Args:
            again: whether to try once more where it has failed.

        Returns:
            Whether the server runs, and did so before.
        """
        with self._starting:
            if self.state == "ready" or (self.state == "failed" and not again):
                return self.state == "ready"
            try:
                self.decoder.start()
                self.reloading.begin()
                self.library.open()
                self._share_memory()
                self.error, self.state = None, "ready"
            except ClassifierError as error:
                log.error("the default model cannot be loaded: %s", error)
                self.error, self.state = error, "failed"
            except Exception:
                log.exception("the default model cannot be loaded")
                self.error = PackageError("The model cannot be loaded; the server's log says why.")
                self.state = "failed"
            return False

    @property
    def packages(self) -> dict[str, ModelPackage]:
        """By the names that callers see; `known` tells by which others they may ask. Replaced when one changes."""
        return self.library.offer.packages

    @property
    def default(self) -> str:
        """The name of the default model; empty until it is found."""
        return self.library.offer.default

    @property
    def problem(self) -> ClassifierError | None:
        """Why the default model, although loaded, cannot be used now: the engine that runs it may be out of reach."""
        loaded = self._loaded.find(self.default)
        return loaded.problem if loaded else None

    @property
    def readiness(self) -> Readiness:
        """Whether new callers should be sent here, for all who ask that: "ready", or why not.

        A server that is stopping still answers; see `web.server.shutdown`.
        """
        if is_stopping():
            return "stopping"
        return "engine_unavailable" if self.state == "ready" and self.problem else self.state

    def check_ready(self) -> None:
        """The same for who wants to hear why not as an error.

        Raises:
            ClassifierError: this server is not ready.
        """
        self.resolve(None)
        if self.problem:
            raise self.problem
        if is_stopping():
            raise StoppingError

    @property
    def limits(self) -> Limits:
        """The limits for a picture, as visitors and callers see them: the operator's, or less if memory is short."""
        return memory.limits_within(self.plan, self.settings)

    def resolve(self, name: str | None) -> str:
        """The name of a caller's model; see `package`."""
        return self.package(name).name

    def package(self, name: str | None = None) -> ModelPackage:
        """The package of the model that a caller means, as it is now, without loading it.

        Args:
            name: a key of `packages`, or the name of a package's folder; the default model if None.

        Raises:
            NotReadyError: the server has not started yet.
            ModelFailedError: its default model cannot be loaded.
            UnknownModelError: there is no such model.
            AmbiguousModelError: there are several.
        """
        if self.state == "starting":
            raise NotReadyError
        if self.state == "failed":
            raise ModelFailedError
        return self.library.offer.find(name)

    def known(self, name: str) -> str | None:
        """The key of `packages` for a name by which a caller may ask: that of a model or of its folder."""
        return self.library.offer.known(name)

    @property
    def aliases(self) -> dict[str, str]:
        """The keys of `packages` by the names of their folders, for those by which callers may ask, too."""
        return self.library.offer.aliases

    def classify(
        self,
        data: Source,
        *,
        client: Asking,
        model: str | ModelPackage | None = None,
        top_k: int | None = None,
        lang: str | None = None,
        view: View | None = None,
        explain: Explain | None = None,
        progress: Progress | None = None,
        wait: bool = False,
        take: Take | None = None,
    ) -> Classification:
        """Classifies one picture and counts it; both the page and the API call this.

        Args:
            data: the picture.
            client: who asks, for the metrics.
            model: a key of `packages`, or one of them, by which and by no later one of its name it is classified;
                the default model if None. Any other model is loaded when it is first asked for, during that request's
                turn.
            top_k: as for `Classifier.classify`.
            lang: as for `Classifier.classify`.
            view: as for `Classifier.classify`.
            explain: as for `Classifier.classify`.
            progress: as for `Classifier.classify`.
            wait: whether to wait while a model is being loaded, instead of raising.
            take: takes a turn; of nobody in particular in the queue if None.

        Raises:
            NotReadyError: another request is loading the model.
            ModelChangedError: the package that was given is not the present one of its name.
            ClassifierError: as `package` and `Classifier.classify` do.
        """
        try:
            if wait:
                self.start()
            package = model if isinstance(model, ModelPackage) else self.package(model)
            package.check_language(lang)  # before waiting for a turn
            explained(package, explain)
            asked = {"top_k": top_k, "lang": lang, "view": view, "explain": explain, "progress": progress}
            result = self._classify(model, data, asked, wait, take or self.queue.take)
        except ClassifierError as error:
            metrics.count_error(client, error)
            raise
        metrics.count(client, result)
        return result

    def thumbnail(self, data: bytes, side: int, take: Take | None = None) -> bytes:
        """The picture, upright, at most `side` pixels along each side, as a JPEG file; waits for the server's start.

        Raises:
            ClassifierError: as `resolve`, `Decoder.thumbnail` and `WorkQueue.take` do.
        """
        self.start()
        self.resolve(None)
        with (take or self.queue.take)() as turn:
            return self.decoder.thumbnail(data, side, turn.cancellation)

    def get(self, model: str | ModelPackage | None = None) -> Classifier:
        """A loaded model; it is loaded now if it was not. Raises what `package` and `LoadedModels.get` do."""
        while True:
            try:
                package = model if isinstance(model, ModelPackage) else self.package(model)
                return self._loaded.get(package, last=self.default)
            except ModelChangedError:
                if isinstance(model, ModelPackage):
                    raise

    def last_used(self) -> Classifier:
        """The model that was asked for last, without loading any.

        Raises:
            NotReadyError: no model is loaded at the moment.
        """
        loaded = self._loaded.last_used()
        if not loaded:
            self.resolve(None)
            raise NotReadyError
        return loaded

    def forget(self) -> None:
        """Removes the package that was made of a bare model file for this process only, if there is one."""
        if self.library.offer.folder:
            forget(self.library.offer.folder)

    def _classify(
        self, model: str | ModelPackage | None, data: Source, asked: dict[str, Any], wait: bool, take: Take
    ) -> Classification:
        while True:
            try:
                with take() as turn:
                    return self.get(model).classify(data, **asked, turn=turn)
            except NotReadyError:
                if not wait:
                    raise
            self._loaded.wait(
                model.name if isinstance(model, ModelPackage) else self.resolve(model)
            )  # until the other request has loaded it, without holding a turn

    def _room(self) -> float:
        """Bytes for all models together."""
        return inf if self.plan.models is None else self.plan.models + self._default_size

    def _share_memory(self) -> None:
        """Makes the plan: the default model is loaded, so the memory that is free now is for everything else."""
        self._default_size = self._loaded.memory(self.packages[self.default])
        others = (self._loaded.memory(package) for name, package in self.packages.items() if name != self.default)
        self.plan = memory.divided(self.settings, self.decoder, max(others, default=0))
        self.decoder.settle(self.plan)
        memory.say_if_short(self.plan, self.settings)


_making = threading.Lock()


def models() -> Models:
    """This process's models, for page and API alike; made when first asked for.

    Raises:
        ParameterError: a setting has a value that is not allowed.
    """
    with _making:
        return _models()


@cache
def _models() -> Models:
    return Models(read_settings())
