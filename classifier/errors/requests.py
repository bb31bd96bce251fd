"""What a caller asks for that there is not, or not in this way."""

from __future__ import annotations

from classifier.errors.base import ClassifierError


class ParameterError(ClassifierError):
    """An argument such as `top_k` is out of range; the message names it and what it may be."""

    code = "bad_parameter"
    status = 422


class UnknownLanguageError(ParameterError):
    """The model has no labels in that language."""

    code = "unknown_language"
    sentence = "The model {model} has no labels in {lang!r}. Choose from: {languages:, }."


class ProtocolError(ClassifierError):
    """A message of an inference protocol is not as the protocol says; the message names what and what it may be."""

    code = "bad_message"
    status = 400


class UnknownModelError(ClassifierError):
    """No model package of that name."""

    code = "unknown_model"
    status = 404
    sentence = "There is no model named {model!r}. Choose from: {models:, }."


class AmbiguousModelError(ClassifierError):
    """Several model packages have that name."""

    code = "ambiguous_model"
    status = 404
    sentence = "Several models are named {model!r}. Ask for one by the name of its folder: {models:, }."


class UnknownVersionError(ClassifierError):
    """No such version of a model."""

    code = "unknown_version"
    status = 404
    sentence = "The model {model!r} has no version {version!r}. Its only one is {only!r}; a request need not name it."
