"""The sentence that introduces a model, on the page and in the shell before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from classifier.languages import Language

if TYPE_CHECKING:
    from classifier import ModelPackage

_FEW = 10
"""A model with at most this many classes is introduced with all their names."""


def intro(language: Language, package: ModelPackage | None) -> str:
    """What the page does, and what a model knows.

    Args:
        language: that of the sentence.
        package: the model; None if it is not known.
    """
    if package is None:
        return language.text("page", "intro_unknown")
    classes = package.manifest.output.classes
    if classes <= _FEW:
        return language.text("page", "intro_few", labels=package.labels_for(language.code))
    return language.text("page", "intro", classes=classes)
