"""The default name of a package."""

from __future__ import annotations

from pathlib import Path

from classifier.errors import ParameterError


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
