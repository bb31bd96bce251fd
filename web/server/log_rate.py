"""Bounds how much is logged: what somebody can cause from outside, they can cause without end.

The first lines from each place in the code pass, in each minute; further ones are counted, and the count is logged by
the same logger, as serious as they were: it is seen where they would have been, and only there. So an error that is
rare, or is the first of its kind, is never lost.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

LINES = 30
"""Lines a minute from one place in the code, for each kind of exception."""

LENGTH = 1000
"""Characters of a line; a traceback below it is not counted."""

SECONDS = 60.0

_SUPPRESSED = -1  # a level below that of every handler
_PLACES = 5000
_NONE = (logging.NOTSET, "", "")


@dataclass(slots=True)
class _Place:
    begin: float
    lines: int = 0
    left_out: int = 0
    worst: tuple[int, str, str] = _NONE  # of these: level, logger and text, before anything is put into it


class LogRate:
    """A factory of log records, by which all loggers are bounded, also those that are made later.

    A record that is too much gets a level below that of every handler, so that none takes it.
    """

    def __init__(self, make: Callable[..., logging.LogRecord], clock: Callable[[], float] = time.monotonic) -> None:
        """Args: make: the factory until now; clock: gives the time in seconds."""
        self._make = make
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[tuple[object, ...], _Place] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        """Makes a record."""
        record = self._make(*args, **kwargs)
        if record.pathname == __file__:  # a count
            return record
        kind = record.exc_info[0] if record.exc_info else None
        with self._lock:
            place = self._place((record.pathname, record.lineno, kind))
            place.lines += 1
            suppressed = place.lines > LINES
            if suppressed:
                place.left_out += 1
                if record.levelno >= place.worst[0]:
                    text = record.msg[:LENGTH] if isinstance(record.msg, str) else type(record.msg).__name__
                    place.worst = record.levelno, record.name, text.strip()
        if suppressed:
            record.levelno = _SUPPRESSED
        else:
            _shorten(record)
        return record

    async def report(self) -> None:
        """Logs each minute what was left out, until cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            self.report_now()

    def report_now(self) -> None:
        """Logs what was left out since the last time."""
        with self._lock:
            places = [place for place in self._places.values() if place.left_out]
            left_out = [(place.left_out, *place.worst) for place in places]
            for place in places:
                place.left_out, place.worst = 0, _NONE
        for count, level, name, text in left_out:
            logging.getLogger(name).log(level, "%d more lines like this one were left out: %s", count, text)

    def _place(self, key: tuple[object, ...]) -> _Place:
        now = self._clock()
        place = self._places.get(key)
        if place is None:
            if len(self._places) >= _PLACES:
                self._places.clear()
            place = self._places[key] = _Place(now)
        elif now - place.begin >= SECONDS:
            place.begin, place.lines = now, 0
        return place


def bound() -> LogRate:
    """Bounds all logging of this process from now on."""
    now = logging.getLogRecordFactory()
    if isinstance(now, LogRate):
        return now
    rate = LogRate(now)
    logging.setLogRecordFactory(rate)
    return rate


def _shorten(record: logging.LogRecord) -> None:
    """Cuts a line that somebody has made long, such as by the address they ask for."""
    try:
        text = record.getMessage()
    except Exception:  # the handler says what is wrong with the arguments
        return
    if len(text) > LENGTH:
        record.msg, record.args = f"{text[:LENGTH]}...", None
