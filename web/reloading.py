"""Looks after the models folder while the server runs, in a thread of its own: after changes, the library follows."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from classifier.errors import PackageError
from classifier.machine import files
from classifier.package import MANIFEST
from classifier.package.opened import is_temporary
from classifier.settings import Settings
from web.library import Library
from web.offered import folders
from web.server.shutdown import is_stopping
from web.watch import Watch

log = logging.getLogger(__name__)

SETTLED = 1.0
"""Seconds between two looks at what is still changing."""


class Reloading:
    """Has a library follow its folder: from time to time, and whenever it is asked to."""

    def __init__(self, settings: Settings, library: Library, start: Callable[[], bool]) -> None:
        """Looks for nothing yet; see `begin` and `run`.

        Args:
            settings: name the folder, and how often to look.
            library: follows what is found.
            start: tries to start a server that could not start; returns whether it has, as any that runs has.
        """
        self._settings = settings
        self._library = library
        self._start = start
        self._watch = Watch(self._folders)
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()  # its `put` may interrupt itself, as signals do
        self._every = False
        self._complaint = ""

    def begin(self) -> None:
        """Notes what is there, before it is read: what changes from now on is seen."""
        with suppress(PackageError):  # whoever reads it hears of it
            self._watch.begin()

    def run(self) -> None:
        """Begins to look, in the background."""
        threading.Thread(target=self._run, name="looking after the models", daemon=True).start()

    def ask(self) -> None:
        """Has all packages looked at soon, whether they seem to have changed or not; signal handlers may call this."""
        self._asked.put(None)

    def look(self, *, every: bool = False) -> bool:
        """Looks once and follows what it finds; returns whether something is still changing.

        Args:
            every: whether to read all packages again. It holds until all have come to rest.
        """
        self._every = self._every or every
        try:
            at_rest, moving = self._watch.look(every=self._every)
        except PackageError as error:
            if error.message != self._complaint:
                log.warning("the models go on as they are: %s", error)
            self._complaint = error.message
            return False
        self._complaint = ""
        if at_rest and not self._start():
            self._watch.take(at_rest)
        elif at_rest:
            moving = self._follow(at_rest) or moving
        self._every = self._every and moving
        return moving

    def _follow(self, at_rest: set[Path]) -> bool:
        """Has the library follow; returns whether a folder was changed again meanwhile."""
        moving = False
        for folder in sorted(at_rest):
            unchanged = partial(self._watch.is_as_seen, folder)
            if self._library.update(folder, self._watch.has(folder), unchanged):
                self._watch.take([folder])
            moving = moving or not unchanged()
        return moving

    def _run(self) -> None:
        pause = self._settings.reload
        while not is_stopping():
            asked = False
            with suppress(queue.Empty):
                self._asked.get(timeout=pause or None)
                asked = True
            try:
                moving = self.look(every=asked)
            except Exception:  # it must not end: the next look may find all in order
                log.exception("looking after the models failed")
                moving = False
            pause = SETTLED if moving else self._settings.reload

    def _folders(self) -> Iterator[Path]:
        """The packages of the models folder, and the default one that lies elsewhere, unless it was made here."""
        there = folders(self._settings).values()
        yield from there
        default = self._library.offer.folder
        if default is None and "/" in self._settings.model:
            default = Path(self._settings.model)
        if default is not None and default not in there and not is_temporary(default) and _has_package(default):
            yield default


def _has_package(folder: Path) -> bool:
    try:
        return files.kind(folder / MANIFEST) is not None
    except OSError:  # it cannot be found out: reading it says why
        return True
