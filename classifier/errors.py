"""Everything that can go wrong, as one family of exceptions.

Each class carries a stable `code` for programs, the HTTP `status` the API answers with, and a message that a
visitor understands. The page translates by `code` and `details`; nobody needs to parse the message.
"""

from __future__ import annotations

from typing import ClassVar


class ClassifierError(Exception):
    """Base of all errors that are told to a person.

    Attributes:
        code: stable identifier, such as `broken_image`.
        status: HTTP status code for the API.
        message: one English sentence that says what is wrong and what to do.
        details: the values inside the message, by name, for translations.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class ImageError(ClassifierError):
    """A picture that cannot be classified: not a picture, broken, or over a limit."""

    code = "broken_image"
    status = 400


class UnsupportedFormatError(ImageError):
    """The bytes are not a picture in an allowed format."""

    code = "unsupported_format"
    status = 415


class TooManyBytesError(ImageError):
    """The file is larger than the limit in bytes."""

    code = "too_many_bytes"
    status = 413


class TooManyPixelsError(ImageError):
    """The picture has more pixels than the limit."""

    code = "too_many_pixels"
    status = 413


class NoMemoryError(ImageError):
    """Decoding the picture would take more memory than there is for one."""

    code = "no_memory"
    status = 413


class DecodingError(ImageError):
    """The picture ended the process that decoded it, or kept it busy for too long."""

    code = "decoding_failed"


class InputError(ClassifierError):
    """A name given on the command line stands for no picture: an empty file, a folder without pictures, a pipe."""

    code = "bad_input"
    status = 400


class ParameterError(ClassifierError):
    """An argument such as `top_k` or `lang` is out of range."""

    code = "bad_parameter"
    status = 422


class UnknownModelError(ClassifierError):
    """No model package of that name."""

    code = "unknown_model"
    status = 404


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


class BusyError(ClassifierError):
    """The queue is full; trying again after `retry_after` seconds helps."""

    code = "busy"
    status = 503
    retry_after: ClassVar[int] = 1


class NotReadyError(ClassifierError):
    """The model is still loading or could not be loaded."""

    code = "not_ready"
    status = 503
    retry_after: ClassVar[int] = 2
