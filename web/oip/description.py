"""What the protocol's metadata say of this server and its models."""

from __future__ import annotations

from classifier import ModelPackage, __version__
from classifier.errors import UnknownVersionError
from classifier.protocols import oip
from classifier.protocols.oip import ModelMetadata, ServerMetadata, TensorMetadata
from web.models import models

VERSION = "1"
"""The only version of each model."""

PLATFORM = "image-classifier"
"""By which clients know a server that scales pixels itself."""

PICTURE, PIXELS, VALUES = "picture", "pixels", "values"
PROBABILITIES, SCORES, FEATURES, FAMILIAR = "probabilities", "scores", "features", "familiar"


def server_metadata() -> ServerMetadata:
    """What this server is."""
    return ServerMetadata("image-classifier", __version__, (oip.BINARY, "classification"))


def find_package(name: str, version: str = "") -> ModelPackage:
    """The package of a model, by its name and its version, any if that is empty.

    Raises:
        NotReadyError: the server is starting, or its default model failed to load.
        UnknownModelError, UnknownVersionError: there is none.
    """
    package = models().package(name)
    if version not in ("", VERSION):
        raise UnknownVersionError(model=name, version=version, only=VERSION)
    return package


def repository_index() -> list[dict[str, str]]:
    """All models, as Triton lists them; those not loaded yet are loaded when first asked for.

    Raises:
        NotReadyError: the server is starting, or its default model failed to load.
    """
    models().resolve(None)
    about = {"version": VERSION, "state": "READY", "reason": ""}
    return [{"name": name, **about} for name in models().packages]


def inputs(package: ModelPackage) -> tuple[TensorMetadata, ...]:
    """A model's inputs, of which a request sends one."""
    spec = package.manifest.input
    return (
        TensorMetadata(PICTURE, oip.BYTES, (-1,)),
        TensorMetadata(PIXELS, "UINT8", (-1, *spec.size, 3)),
        TensorMetadata(VALUES, "FP32", (-1, *spec.shape)),
    )


def outputs(package: ModelPackage) -> tuple[TensorMetadata, ...]:
    """A model's outputs."""
    spec = package.manifest.output
    features = [TensorMetadata(FEATURES, "FP32", (-1, -1, -1, -1))] if spec.features else []
    return (
        TensorMetadata(PROBABILITIES, "FP32", (-1, spec.classes)),
        TensorMetadata(SCORES, "FP32", (-1, spec.scores)),
        *features,
        *([TensorMetadata(FAMILIAR, "FP32", (-1, 1))] if package.unknown else []),
    )


def model_metadata(name: str, version: str = "") -> ModelMetadata:
    """What a model takes and gives.

    Raises:
        ClassifierError: as `find_package` does.
    """
    package = find_package(name, version)
    return ModelMetadata(package.name, PLATFORM, inputs(package), outputs(package), (VERSION,))
