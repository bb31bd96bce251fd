"""Everything that can go wrong, as one family of exceptions.

    ClassifierError
    ├── ImageError            a picture that cannot be classified
    │   └── BrokenImageError, CutOffError, TooComplexError, EmptyFileError, EmptyImageError, UnknownModeError,
    │       UnsupportedFormatError, UnsupportedKindError, TooManyBytesError, TooManyPixelsError, NoMemoryError,
    │       OutOfMemoryError, DecodingError
    ├── InputError            a name on the command line that leads to no picture, or a dataset without any
    │   └── EmptyInputError, MissingFileError, ForbiddenFileError, UnreadableFileError, NotAFileError,
    │       NoPicturesError, UnlistedFolderError
    ├── ParameterError        an argument out of range
    │   └── UnknownLanguageError
    ├── ProtocolError         a message of an inference protocol that is not as the protocol says
    ├── UnknownModelError, AmbiguousModelError, UnknownVersionError, PackageError, ModelFileError (TrustError),
    │   BackendError
    │                         a model that cannot be used
    ├── NotFiniteError        a model's answer that holds NaN or infinity
    ├── EngineUnavailableError, EngineAnswerError    an engine elsewhere that does not run the model as it should
    ├── AbandonedError        work that nobody waits for any more
    └── BusyError             too much at once
        └── ShareError, StoppingError, NoDecoderError

A module here has those of each kind. `web.errors` has the errors that only a server raises.

Each class carries a stable `code` for programs and the HTTP `status` the API answers with. Errors that visitors and
callers see have one sentence per code: `sentence`, with `details` filled in. It is the English text everywhere; the
page looks up the other languages by code. Errors that only operators see (about a package or a model file) bring a
message of their own instead.
"""

from classifier.errors.base import ClassifierError
from classifier.errors.inputs import (
    EmptyInputError,
    ForbiddenFileError,
    InputError,
    MissingFileError,
    NoPicturesError,
    NotAFileError,
    UnlistedFolderError,
    UnreadableFileError,
)
from classifier.errors.models import (
    BackendError,
    EngineAnswerError,
    EngineUnavailableError,
    ModelFileError,
    NotFiniteError,
    PackageError,
    TrustError,
)
from classifier.errors.pictures import (
    BrokenImageError,
    CutOffError,
    DecodingError,
    EmptyFileError,
    EmptyImageError,
    ImageError,
    NoMemoryError,
    OutOfMemoryError,
    TooComplexError,
    TooManyBytesError,
    TooManyPixelsError,
    UnknownModeError,
    UnsupportedFormatError,
    UnsupportedKindError,
)
from classifier.errors.requests import (
    AmbiguousModelError,
    ParameterError,
    ProtocolError,
    UnknownLanguageError,
    UnknownModelError,
    UnknownVersionError,
)
from classifier.errors.work import AbandonedError, BusyError, NoDecoderError, ShareError, StoppingError

__all__ = [
    "AbandonedError",
    "AmbiguousModelError",
    "BackendError",
    "BrokenImageError",
    "BusyError",
    "ClassifierError",
    "CutOffError",
    "DecodingError",
    "EmptyFileError",
    "EmptyImageError",
    "EmptyInputError",
    "EngineAnswerError",
    "EngineUnavailableError",
    "ForbiddenFileError",
    "ImageError",
    "InputError",
    "MissingFileError",
    "ModelFileError",
    "NoDecoderError",
    "NoMemoryError",
    "NoPicturesError",
    "NotAFileError",
    "NotFiniteError",
    "OutOfMemoryError",
    "PackageError",
    "ParameterError",
    "ProtocolError",
    "ShareError",
    "StoppingError",
    "TooComplexError",
    "TooManyBytesError",
    "TooManyPixelsError",
    "TrustError",
    "UnknownLanguageError",
    "UnknownModeError",
    "UnknownModelError",
    "UnknownVersionError",
    "UnlistedFolderError",
    "UnreadableFileError",
    "UnsupportedFormatError",
    "UnsupportedKindError",
]
