"""Every error that page, API and command line can tell, found through the classes themselves."""

from __future__ import annotations

import string
from collections.abc import Iterator
from typing import Any

from classifier import errors as _errors
from classifier.errors import ClassifierError
from web import errors as _web_errors  # so that the server's are there


def _kinds(base: type[ClassifierError]) -> Iterator[type[ClassifierError]]:
    yield base
    for child in base.__subclasses__():
        if child.__module__.startswith((f"{_errors.__name__}.", _web_errors.__name__)):
            yield from _kinds(child)


KINDS = tuple(_kinds(ClassifierError))
"""All of them, those included that only have others below them."""

WITH_SENTENCE = tuple(kind for kind in KINDS if kind.sentence)
"""Those that everybody is told in the same words."""


def fields(template: str) -> set[str]:
    """The names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def example(name: str, number: int, written: str) -> Any:
    """A value to fill in where it is written so: a number, a list, or any text."""
    if written in ("millions", ","):
        return number * 1_000_000
    return [f"{name} {number}", name] if written else f"{name} {number}"


def raised(kind: type[ClassifierError]) -> ClassifierError:
    """One with something to see in each place of its sentence."""
    parts = string.Formatter().parse(kind.sentence)
    written = {name: spec or "" for _, name, spec, _ in parts if name}
    return kind(**{name: example(name, number, written[name]) for number, name in enumerate(sorted(written), 7)})
