"""Names of layers: Keras 2 allowed `/` in them, as in its MobileNetV3, and Keras 3 refuses it."""

from __future__ import annotations


def plain(name: str) -> str:
    """The name in the form that Keras 3 takes."""
    return name.replace("/", "_")
