"""What a caller asks about a picture: how many labels, in which language, and what the model is to see of it."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import SupportsIndex

from classifier.errors import ParameterError
from classifier.formatting import listed
from classifier.package import ModelPackage
from classifier.picture.geometry import Geometry
from classifier.views import VIEWS, View


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a model, checked.

    Attributes:
        top_k: how many of the best classes to tell; a model with fewer gives them all.
        labels: of all classes, in the language asked for.
        geometry: which pixels of the picture the model gets.
    """

    top_k: int
    labels: tuple[str, ...]
    geometry: Geometry


def check(package: ModelPackage, top_k: int | None, lang: str | None, view: View) -> Asked:
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
    return Asked(top_k, labels, replace(package.manifest.input.geometry, view=view))
