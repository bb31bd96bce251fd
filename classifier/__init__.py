"""Image classification with model packages: from a picture's bytes to labels with scores.

Names are imported when first used: `classifier --help` needs none of NumPy, Pillow and pydantic,
and `classifier doctor` must run where one of them is missing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from classifier.classifier import Classifier
    from classifier.errors import (
        BackendError,
        BusyError,
        ClassifierError,
        ImageError,
        PackageError,
        ParameterError,
        UnknownModelError,
    )
    from classifier.explanation.drawing import overlaid
    from classifier.package import ModelPackage
    from classifier.picture.limits import Limits
    from classifier.picture.sandbox import Workers
    from classifier.result import Classification, ClassMap, Explanation, Prediction, PredictionSet, Scores, Timings
    from classifier.settings import Settings
    from classifier.sources import Source

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "BusyError",
    "ClassMap",
    "Classification",
    "Classifier",
    "ClassifierError",
    "Explanation",
    "ImageError",
    "Limits",
    "ModelPackage",
    "PackageError",
    "ParameterError",
    "Prediction",
    "PredictionSet",
    "Scores",
    "Settings",
    "Source",
    "Timings",
    "UnknownModelError",
    "Workers",
    "overlaid",
]

_MODULES = {
    "Classifier": "classifier",
    **dict.fromkeys(("ClassMap", "Classification", "Explanation", "Prediction"), "result"),
    **dict.fromkeys(("PredictionSet", "Scores", "Timings"), "result"),
    "Limits": "picture.limits",
    "ModelPackage": "package",
    "Settings": "settings",
    "Source": "sources",
    "Workers": "picture.sandbox",
    "overlaid": "explanation.drawing",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_MODULES.get(name, 'errors')}")
    return getattr(module, name)
