"""A model package: a folder with `model.toml`, weights in one or more forms, and labels by language."""

from classifier.package.locate import find_packages, is_bare, locate
from classifier.package.manifest import (
    MANIFEST,
    Colours,
    Form,
    InputSpec,
    Manifest,
    OutputSpec,
    PerChannel,
    Published,
    Resample,
    Weights,
    input_shape,
)
from classifier.package.package import ModelPackage

__all__ = [
    "MANIFEST",
    "Colours",
    "Form",
    "InputSpec",
    "Manifest",
    "ModelPackage",
    "OutputSpec",
    "PerChannel",
    "Published",
    "Resample",
    "Weights",
    "find_packages",
    "input_shape",
    "is_bare",
    "locate",
]
