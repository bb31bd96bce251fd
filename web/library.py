"""The packages on offer together with the models of them that are in memory, and how both follow the disk."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from classifier import Classifier, ClassifierError, ModelPackage
from classifier.backends.choice import choose, try_first
from classifier.backends.names import BACKENDS
from classifier.errors import EngineAnswerError, EngineUnavailableError, PackageError
from classifier.formatting import described
from classifier.machine.cpus import cpu_count
from classifier.machine.queue import WorkQueue
from classifier.picture.sandbox import Workers
from classifier.settings import Settings
from web import metrics
from web.errors import NoRoomError
from web.loaded import LoadedModels
from web.offered import Found, Offer, first_offer, next_offer, read, warnings

log = logging.getLogger(__name__)

_LAST_ANSWERS = 10.0  # seconds for which the next model waits for those who are being answered by an old one
_PASSING = (NoRoomError, EngineUnavailableError, EngineAnswerError)  # what may be over soon, without a change here

ModelState = Literal["loaded", "unloaded", "updating", "outdated"]


class Library:
    """What this server offers. Whoever asks sees it before a change or after it, and nothing in between.

    Attributes:
        offer: the packages, replaced as a whole.
        loaded: the models in memory.
        changes: how often the offer was replaced.
        updating: the names of those of which a new version is being loaded.
    """

    def __init__(
        self, settings: Settings, queue: WorkQueue, decoder: Workers, room: Callable[[], float] = lambda: float("inf")
    ) -> None:
        """Nothing is in it yet; see `open`. The arguments are those of `LoadedModels`."""
        self.offer = Offer()
        self.loaded = LoadedModels(settings, queue, decoder, room, lambda name: self.offer.packages.get(name))
        self.changes = 0
        self.updating: frozenset[str] = frozenset()
        self._settings = settings
        self._decoder = decoder
        self._leaving: list[weakref.ref[Classifier]] = []

    def state(self, name: str) -> ModelState:
        """How it stands with a model on offer: `outdated` where its folder has a version that cannot be used."""
        if name in self.updating:
            return "updating"
        if self.offer.outdated(name):
            return "outdated"
        return "loaded" if self.loaded.find(name) else "unloaded"

    def open(self) -> None:
        """Finds the packages and loads the default one.

        Raises:
            ClassifierError: it cannot be found, read or loaded.
        """
        offer = first_offer(self._settings)
        for text in warnings(offer, Offer()):
            log.warning("%s", text)
        self._report(offer, Offer())
        self.offer = offer
        self.loaded.get(offer.find())

    def update(self, folder: Path, exists: bool, unchanged: Callable[[], bool]) -> bool:
        """Follows a change: loads a new version beside the old one, then offers it in its place.

        What cannot be used is reported, and what was there before goes on.

        Args:
            folder: the one that changed.
            exists: whether it is still there.
            unchanged: tells whether it still is as it was when that was found out.

        Returns:
            Whether nothing more is to be done until it changes again.
        """
        before = self.offer
        fresh: dict[Path, Found | None] = {folder: self._read(folder) if exists else None}
        made: dict[str, Classifier | None] = {}
        try:
            while True:
                offer = next_offer(self._settings, before, fresh)
                todo = [one for name, one in offer.packages.items() if name not in made and _differs(one, before)]
                if not todo:
                    break
                self.updating = frozenset([todo[0].name])
                found = self._tried(todo[0])
                if isinstance(found, ClassifierError) and not isinstance(fresh.get(todo[0].folder), ClassifierError):
                    fresh[todo[0].folder] = found
                else:  # what fails under another name only is tried again when it is asked for
                    made[todo[0].name] = found if isinstance(found, Classifier) else None
            if not unchanged():
                return False
            self._replace(offer, {name: model for name, model in made.items() if name in offer.packages})
        finally:
            self.updating = frozenset()
        return not any(isinstance(one, _PASSING) for one in fresh.values())

    def _read(self, folder: Path) -> Found:
        """What is in a folder; weights that are not those of its `model.toml` are found out here."""
        package = read(folder, self._settings)
        if isinstance(package, ModelPackage):
            try:
                form = BACKENDS[choose(package, self._settings.backend).name].form
                if form in package.manifest.weights:
                    package.weights_file(form)
            except ClassifierError as error:
                return error
        return package

    def _tried(self, package: ModelPackage) -> Classifier | ClassifierError | None:
        """A new version of a model, loaded; None if it is to be loaded when it is asked for; or what is wrong."""
        try:
            made = self._made(package)
        except ClassifierError as error:
            return error
        except Exception as error:
            log.exception("%s: the model cannot be loaded", package.folder)
            return PackageError(f"{package.folder}: the model cannot be loaded: {described(error)}")
        old = self.loaded.find(package.name)
        if made and old and (problem := made.problem) and not old.problem:  # the engine has the model of the old one
            made.close()
            return problem
        return made

    def _made(self, package: ModelPackage) -> Classifier | None:
        settings = self._settings
        # It may hang until its time is over, so before anybody could be made to wait for it.
        try_first(package, settings.backend, settings.threads or cpu_count(), trust=settings.trust)
        self._wait_for_last_answers()
        try:
            return self.loaded.load_beside(package)
        except NoRoomError:
            with self._decoder.spared() as more:
                return self.loaded.load_beside(package, more)

    def _wait_for_last_answers(self) -> None:
        """Waits for the models that were replaced, which still answer who asked before, to leave memory."""
        end = time.monotonic() + _LAST_ANSWERS
        while any(one() for one in self._leaving) and time.monotonic() < end:
            time.sleep(0.05)
        self._leaving.clear()

    def _replace(self, offer: Offer, made: Mapping[str, Classifier | None]) -> None:
        """Offers the new packages, and their models, from one moment to the next."""
        before = self.offer
        gone = before.packages.keys() - offer.packages.keys()
        with self.loaded.replacing({*gone, *made}) as loaded:
            self._leaving = [weakref.ref(loaded[name]) for name in {*gone, *made} if name in loaded]
            for name in gone:
                loaded.pop(name, None)
            for name, model in made.items():
                if model is None:
                    loaded.pop(name, None)
                else:
                    loaded[name] = model
            self.offer = offer
            self.changes += 1
        for name in sorted(gone):
            log.info("the model %s was removed", name)
            metrics.count_change(name, "removed")
        for name in made:
            old = before.packages.get(name)
            log.info(
                "the model %s is now version %s%s",
                name,
                offer.packages[name].version,
                f", in the place of {old.version}" if old else "",
            )
            metrics.count_change(name, "ok")
        for text in warnings(offer, before):
            log.warning("%s", text)
        self._report(offer, before)

    def _report(self, offer: Offer, before: Offer) -> None:
        """Says which packages cannot be used, unless it was said."""
        for key, error in offer.left_out.items():
            known = before.left_out.get(key)
            if known is not None and known.message == error.message:
                continue
            name = offer.name_of(key)
            if name:
                log.warning("a change of the model %s was not taken, it goes on as it was: %s", name, error)
            else:
                log.warning("a model package was left out: %s", error)
            metrics.count_change(name or key, error.code)


def _differs(package: ModelPackage, offer: Offer) -> bool:
    before = offer.packages.get(package.name)
    return before is None or before.version != package.version
