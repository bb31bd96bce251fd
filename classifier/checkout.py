"""The checkout that the application runs from, and its command as a child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The root folder of the checkout; the application runs from its checkout, never from a wheel."""


def command(*arguments: str) -> list[str]:
    """The command `classifier` with these arguments, for a child process that is given `environment()`."""
    # -P keeps the working folder off Python's path: a module in it could take the place of one of ours.
    return [sys.executable, "-P", "-m", "classifier", *arguments]


def environment() -> dict[str, str]:
    """This process's variables, with the checkout on Python's path."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
