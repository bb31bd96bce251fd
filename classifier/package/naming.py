"""The default name of a package."""

from __future__ import annotations

import re
from pathlib import Path

from classifier.errors import ParameterError


def checked(name: str) -> str:
    """A package's name as somebody gave it.

    Raises:
        ParameterError: it cannot be one.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        raise ParameterError(f"--name {name}: expected lower-case letters, digits and . _ -, such as my-model.")
    return name


def named(folder: Path) -> str:
    """A package's name, made from the name of its folder.

    Raises:
        ParameterError: the folder's name has no letter or digit.
    """
    letters = (letter if letter.isascii() and letter.isalnum() else "-" for letter in folder.absolute().name.lower())
    name = "-".join(part for part in "".join(letters).split("-") if part)
    if not name:
        raise ParameterError(f"{folder}: no name can be made of that. Give one: --name my-model.")
    return name
