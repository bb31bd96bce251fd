"""What a process does with the objects that it inherited when its parent forked.

A forked process has copies of sockets, locks and records of work, but none of its parent's threads: what is held in the
copies is never given back, and what is read from a socket is missing in the parent. So such objects begin anew.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import Protocol


class Inherited(Protocol):
    """An object that has to begin anew in a forked process."""

    def forked(self) -> None:
        """Called in the forked process before anything else runs there.

        It may take no lock, and may change nothing that the parent still uses, such as a socket other than closing it.
        """


_known: weakref.WeakSet[Inherited] = weakref.WeakSet()


def renew(one: Inherited) -> None:
    """Has an object's `forked` called in each process that is forked while the object lives."""
    _known.add(one)


def keep(one: object) -> None:
    """Keeps an object from being freed, also when the process ends: freeing it would wait for its parent's threads."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(one))


def _renew_all() -> None:
    for one in list(_known):
        one.forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_renew_all)
