"""Which of a model's signatures is asked, over REST as over gRPC: a SavedModel may have several."""

from __future__ import annotations

from collections.abc import Iterable

SIGNATURE = "serving_default"
"""The signature that Keras and TensorFlow give a model when it is saved."""


def preferred(names: Iterable[str]) -> str:
    """`serving_default` if it is among the signatures' names, else the first of them."""
    return min(names, key=lambda name: (name != SIGNATURE, name))
