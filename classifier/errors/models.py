"""Models that cannot be used, here or in an engine elsewhere."""

from __future__ import annotations

from classifier.errors.base import ClassifierError


class PackageError(ClassifierError):
    """A model package is incomplete or wrong; the message names file, key and what was expected."""

    code = "bad_package"


class ModelFileError(ClassifierError):
    """A model file cannot become a model package; the message says what is missing, or what to do."""

    code = "bad_model_file"


class TrustError(ModelFileError):
    """A model file can run code when it is loaded, and nobody has said that it may."""

    code = "not_trusted"


class BackendError(ClassifierError):
    """No backend can run this model on this installation; the message says what to install."""

    code = "no_backend"


class NotFiniteError(ClassifierError):
    """The model gives NaN or infinity for a picture, so there is no answer."""

    code = "not_finite"
    status = 422
    sentence = (
        "The model {model} has no answer for this picture: it computes NaN or infinity. Use another picture; if all "
        "fail, the model is damaged, or its input is not scaled as it was in training."
    )


class EngineUnavailableError(ClassifierError):
    """The engine that runs the model cannot be reached, is not ready, or has too much to do."""

    code = "engine_unavailable"
    status = 503
    retry_after = 2
    sentence = "The engine that runs the model cannot be used at the moment: {reason}. Try again in a few seconds."


class EngineAnswerError(ClassifierError):
    """The engine that runs the model refuses a request, fails, or gives an answer that does not fit the model."""

    code = "engine_failed"
    status = 502
    sentence = (
        "The engine that runs the model gives no usable answer: {reason}. "
        "Whoever runs this server finds more in its log."
    )
