"""Finds the head of a loaded model, by the form of weights that runs."""

from __future__ import annotations

import logging
from typing import Any

from classifier.backends.names import LITERT, TENSORFLOW
from classifier.backends.protocol import Backend
from classifier.explanation.head import Head
from classifier.package import ModelPackage

log = logging.getLogger(__name__)


def head_of(package: ModelPackage, backend: Backend) -> Head | None:
    """The head of a model; None if it has none of a known kind, gives no feature map, or runs elsewhere.

    Never raises: without a head there is still occlusion, and the log says why.

    Args:
        package: the model.
        backend: what runs it.
    """
    if package.manifest.output.features is None:
        return None
    try:
        return _read(package, backend)
    except Exception:  # what a graph may hold has no end
        log.exception("the head of the model %s cannot be read; its maps are made by occlusion", package.name)
        return None


def _read(package: ModelPackage, backend: Any) -> Head | None:
    # Each reader imports what runs its form, which others need not have installed.
    if backend.name == LITERT.name:
        from classifier.explanation import litert_head

        return litert_head.read(package)
    if backend.name == TENSORFLOW.name:
        if "litert" in package.manifest.weights:  # the same model, without seconds of conversion
            from classifier.explanation import litert_head

            return litert_head.read(package)
        from classifier.explanation import tensorflow_head

        return tensorflow_head.read(package, backend.function)
    return None
