"""Everything that can go wrong, as one family of exceptions.

    ClassifierError
    ├── ImageError            a picture that cannot be classified
    │   └── BrokenImageError, TooComplexError, EmptyImageError, UnknownModeError, UnsupportedFormatError,
    │       TooManyBytesError, TooManyPixelsError, NoMemoryError, OutOfMemoryError, DecodingError
    ├── InputError            a name on the command line that leads to no picture, or a dataset without any
    │   └── EmptyInputError, EmptyFileError, MissingFileError, ForbiddenFileError, UnreadableFileError,
    │       NotAFileError, NoPicturesError, UnlistedFolderError
    ├── ParameterError        an argument out of range
    │   └── UnknownLanguageError
    ├── ProtocolError         a message of an inference protocol that is not as the protocol says
    ├── UnknownModelError, UnknownVersionError, PackageError, ModelFileError (TrustError), BackendError
    │                         a model that cannot be used
    ├── NotFiniteError        a model's answer that holds NaN or infinity
    ├── EngineUnavailableError, EngineAnswerError    an engine elsewhere that does not run the model as it should
    ├── AbandonedError        work that nobody waits for any more
    └── BusyError             too much at once
        └── ShareError, StoppingError, NoDecoderError

`web.errors` has the errors that only a server raises.

Each class carries a stable `code` for programs and the HTTP `status` the API answers with. Errors that visitors and
callers see have one sentence per code: `sentence`, with `details` filled in. It is the English text everywhere; the
page looks up the other languages by code. Errors that only operators see (about a package or a model file) bring a
message of their own instead.
"""

from __future__ import annotations

from typing import ClassVar


class ClassifierError(Exception):
    """Base of all errors that are shown to a person.

    Attributes:
        code: stable identifier, such as `broken_image`.
        status: HTTP status code for the API.
        sentence: what is wrong and what to do, with names of `details` in braces; "" if each error brings a message.
        retry_after: seconds after which trying again may help; None if it does not help.
        message: the sentence with the details filled in.
        details: the values inside the message, by name, for translations.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = ""
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str = "", **details: object) -> None:
        """Args: message: only if the class has no sentence; details: see the class."""
        if bool(message) == bool(self.sentence):
            raise TypeError(f"{type(self).__name__} takes {'details only' if self.sentence else 'a message'}")
        self.message = message or self.sentence.format(**details)
        self.details = details
        super().__init__(self.message)


class ImageError(ClassifierError):
    """A picture that cannot be classified: not a picture, broken, or over a limit."""

    code = "bad_image"
    status = 400


class BrokenImageError(ImageError):
    """A file in a known format that cannot be decoded."""

    code = "broken_image"
    sentence = "This {format} file is damaged or incomplete. Export or download the picture again."


class TooComplexError(ImageError):
    """A file that is split into more parts (segments, chunks, tiles) than any ordinary encoder writes."""

    code = "too_complex"
    sentence = "This {format} file is cut into so many parts that reading it would take too long. Export it again."


class EmptyImageError(ImageError):
    """A picture with a width or height of 0."""

    code = "empty_image"
    sentence = "This picture is empty: it has no pixels. Use another one."


class UnknownModeError(ImageError):
    """A PIL image that Pillow cannot load or convert."""

    code = "unknown_mode"
    sentence = "This picture cannot be read: it is damaged, or its mode cannot be converted. Convert it to RGB."


class UnsupportedFormatError(ImageError):
    """The bytes are not a picture in an allowed format."""

    code = "unsupported_format"
    status = 415
    sentence = "This file is not a picture in a supported format. Use one of: {formats}."


class TooManyBytesError(ImageError):
    """The file is larger than the limit in bytes."""

    code = "too_many_bytes"
    status = 413
    sentence = "This file is too large: the limit is {limit} MB. Use a smaller one."


class TooManyPixelsError(ImageError):
    """The picture has more pixels than the limit."""

    code = "too_many_pixels"
    status = 413
    sentence = (
        "This picture is too large ({size} pixels): the limit is {limit} million pixels, {side} along a side. "
        "Scale it down."
    )


class NoMemoryError(ImageError):
    """Decoding the picture would take more memory than there is for one."""

    code = "no_memory"
    status = 413
    sentence = (
        "Decoding this picture ({size} pixels) takes more memory than there is here: for {kind} the limit is "
        "{limit} million pixels. Scale it down."
    )


class OutOfMemoryError(ImageError):
    """Memory ran out while the picture was decoded."""

    code = "out_of_memory"
    status = 413
    sentence = "Decoding this picture took more memory than there is for one. Scale it down."


class DecodingError(ImageError):
    """The picture ended the process that decoded it, or kept it busy for too long."""

    code = "decoding_failed"
    sentence = "Decoding this picture failed, or takes too long. Export it again, or in another format."


class InputError(ClassifierError):
    """A name on the command line leads to no picture, or a dataset holds nothing to measure."""

    code = "bad_input"
    status = 400


class EmptyInputError(InputError):
    """Nothing came from standard input."""

    code = "empty_input"
    sentence = "Standard input is empty. Pipe a picture in."


class EmptyFileError(InputError):
    """A file of no bytes."""

    code = "empty_file"
    sentence = "This file is empty. Export or download the picture again."


class MissingFileError(InputError):
    """No file of that name."""

    code = "missing_file"
    sentence = "There is no such file. Check its name and folder."


class ForbiddenFileError(InputError):
    """A file that this user may not read."""

    code = "not_permitted"
    sentence = "This file may not be read by the user {user}. Run `{remedy}`, or start as its owner."


class UnreadableFileError(InputError):
    """A file that the system fails to read."""

    code = "not_readable"
    sentence = "This file cannot be read: {reason}."


class NotAFileError(InputError):
    """A pipe, a device or a socket, on which reading might wait without end."""

    code = "not_a_file"
    sentence = "This is not a regular file. Pipe its content in and name it `-`."


class NoPicturesError(InputError):
    """A folder in which no file has the ending of a picture."""

    code = "no_pictures"
    sentence = "This folder holds no pictures ({endings}). Name another one."


class UnlistedFolderError(InputError):
    """A folder whose content cannot be listed."""

    code = "unlisted_folder"
    sentence = "This folder cannot be listed: {reason}."


class ParameterError(ClassifierError):
    """An argument such as `top_k` is out of range; the message names it and what it may be."""

    code = "bad_parameter"
    status = 422


class UnknownLanguageError(ParameterError):
    """The model has no labels in that language."""

    code = "unknown_language"
    sentence = "The model {model} has no labels in {lang!r}. Choose from: {languages}."


class ProtocolError(ClassifierError):
    """A message of an inference protocol is not as the protocol says; the message names what and what it may be."""

    code = "bad_message"
    status = 400


class UnknownModelError(ClassifierError):
    """No model package of that name."""

    code = "unknown_model"
    status = 404
    sentence = "There is no model named {model!r}. Choose from: {models}."


class UnknownVersionError(ClassifierError):
    """No such version of a model."""

    code = "unknown_version"
    status = 404
    sentence = "The model {model!r} has no version {version!r}. Its only one is {only!r}; a request need not name it."


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


class BusyError(ClassifierError):
    """The queue is full; trying again after `retry_after` seconds helps."""

    code = "busy"
    status = 503
    retry_after = 1
    sentence = "Too many pictures are being classified. Try again in a moment."


class ShareError(BusyError):
    """A client holds its share of what there is, and others need the rest."""

    code = "client_share"
    status = 429
    retry_after = 2
    sentence = "You are sending more than your share while others wait. Send less at a time, and try again in a moment."


class AbandonedError(ClassifierError):
    """The caller has gone, so nobody needs the answer."""

    code = "abandoned"
    status = 400
    sentence = "The picture was not classified, since nobody waited for the answer any more. Send it again."


class StoppingError(BusyError):
    """The server has been asked to stop."""

    code = "stopping"
    sentence = "The server is stopping. Try again in a moment."


class NoDecoderError(BusyError):
    """The machine has no process or thread for decoding now, or its operator stopped or ended the one that decoded."""

    code = "no_decoder"
    sentence = "Pictures cannot be decoded at the moment. Try again in a moment."
