"""One model in two forms: as one caller wants it, and as many callers at once do."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from classifier.backends.protocol import Backend

log = logging.getLogger(__name__)


class ForMany:
    """A backend's form for many callers, which is loaded when it is first wanted, and then stays.

    On two CPUs two interpreters with a thread each give a third more pictures than one with two threads, but each
    picture takes longer; so a picture that is alone does not use them. They hold copies of the weights, since LiteRT's
    interpreter cannot share them.
    """

    def __init__(self, backend: Backend, room: Callable[[], bool] | None = None) -> None:
        """Loads nothing yet.

        Args:
            backend: the form for one caller, loaded.
            room: tells, before it is loaded in the background, whether there is memory for it; there is if None.
        """
        self.one = backend
        """The form for one caller."""
        self._room = room
        self._lock = threading.Lock()
        self._many: Backend | None = None
        self._asked = False

    @property
    def copies(self) -> bool:
        """Whether it is loaded and holds weights of its own."""
        return self._many is not None and self._many is not self.one

    def get(self) -> Backend:
        """The form for many, loaded now if it was not."""
        with self._lock:
            if self._many is None:
                self._many = self.one.for_many()
            return self._many

    def soon(self) -> Backend:
        """The same without a wait: until it is loaded in the background, and where it cannot be, the form for one."""
        if self._many is None and not self._asked:
            self._asked = True
            if self._room is None or self._room():
                threading.Thread(target=self._load, name="load for many", daemon=True).start()
        return self._many or self.one

    def _load(self) -> None:
        try:
            self.get()
        except Exception:
            log.exception("the form of a model for many callers cannot be loaded; one caller's serves all")
