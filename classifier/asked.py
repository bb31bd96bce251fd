"""What a caller asks about a picture: how many labels, in which language, what the model is to see, what to explain."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, SupportsIndex

from classifier.errors import ParameterError
from classifier.formatting import listed
from classifier.package import ModelPackage
from classifier.picture.geometry import Geometry
from classifier.views import VIEWS, View

Explain = int | Iterable[int] | Literal["top"]
"""Which classes to explain: the index of one, those of several, or the best ones of the answer."""

TOP: Literal["top"] = "top"

MOST_EXPLAINED = 10
"""The most classes that are explained by `top`, however many are told."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a model, checked.

    Attributes:
        top_k: how many of the best classes to tell; a model with fewer gives them all.
        labels: of all classes, in the language asked for.
        geometry: which pixels of the picture the model gets.
        explain: the indices of the classes to explain; none for the best ones, None if nothing is to be explained.
    """

    top_k: int
    labels: tuple[str, ...]
    geometry: Geometry
    explain: tuple[int, ...] | None = None


def check(
    package: ModelPackage, top_k: int | None, lang: str | None, view: View, explain: Explain | None = None
) -> Asked:
    """What is asked, with the package's defaults for what is None.

    Raises:
        ParameterError: one of them is out of range.
    """
    if top_k is None:
        top_k = package.manifest.output.top_k
    if not isinstance(top_k, SupportsIndex):
        raise ParameterError(f"top_k must be a whole number, not {top_k!r}.", name="top_k")
    if (top_k := operator.index(top_k)) < 1:
        raise ParameterError(f"top_k must be at least 1, not {top_k}.", name="top_k")
    if view not in VIEWS:
        raise ParameterError(f"view must be {listed(map(repr, VIEWS))}, not {view!r}.", name="view")
    labels = package.labels[package.check_language(lang)]
    geometry = replace(package.manifest.input.geometry, view=view)
    return Asked(top_k, labels, geometry, explained(package, explain))


def explained(package: ModelPackage, explain: Explain | None) -> tuple[int, ...] | None:
    """The indices of the classes to explain, each once; none for the best ones, None if nothing is to be explained.

    Raises:
        ParameterError: the model has no such class.
    """
    if explain is None:
        return None
    if isinstance(explain, str) and explain == TOP:
        return ()
    classes = package.manifest.output.classes
    several = explain if isinstance(explain, Iterable) and not isinstance(explain, str | bytes) else [explain]
    found: list[int] = []
    for one in several:
        if not isinstance(one, SupportsIndex) or isinstance(one, bool):
            raise ParameterError(f"explain must be the index of a class, or {TOP!r}, not {one!r}.", name="explain")
        index = operator.index(one)
        if not 0 <= index < classes:
            told = f"The classes of {package.name} have the indices 0 to {classes - 1}"
            raise ParameterError(f"explain: there is no class {index}. {told}.", name="explain")
        found.append(index)
    if not found:
        raise ParameterError(f"explain names no class. Give the index of one, or {TOP!r}.", name="explain")
    return tuple(dict.fromkeys(found))
