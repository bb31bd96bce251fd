"""A model package: a folder with `model.toml`, weights in one or more forms, and labels by language."""

from classifier.package.catalog import Catalog, find_packages
from classifier.package.locate import is_bare, locate
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
    "Catalog",
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
