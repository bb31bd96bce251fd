"""The checkout that the application runs from, and its command as a child process."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The root folder of the checkout; of an installed copy, which has the library alone, the folder it is in."""

COMPLETE = (ROOT / "streamlit_app.py").is_file()
"""Whether this is a checkout, with the page and the models that come with it."""

ADVICE = (
    "this installed copy has the library and the command line alone, without the models and the page. "
    "Install it from its checkout so that it stays there: `pip install --editable CHECKOUT`; "
    "or name a model by its folder, which is all that the library needs: `--model CHECKOUT/model/efficientnet-lite2`"
)
"""What to do where something is needed that an installed copy lacks."""


def command(*arguments: str) -> list[str]:
    """The command `classifier` with these arguments, for a child process that is given `environment()`."""
    # -P keeps the working folder off Python's path: a module in it could take the place of one of ours.
    return [sys.executable, "-P", "-m", "classifier", *arguments]


def environment() -> dict[str, str]:
    """This process's variables, with the checkout on Python's path."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
