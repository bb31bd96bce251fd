"""Pictures that cannot be classified."""

from __future__ import annotations

from classifier.errors.base import ClassifierError


class ImageError(ClassifierError):
    """A picture that cannot be classified: not a picture, broken, or over a limit."""

    code = "bad_image"
    status = 400


class BrokenImageError(ImageError):
    """A file in a known format that cannot be decoded."""

    code = "broken_image"
    sentence = "This {format} file is damaged or incomplete. Export or download the picture again."


class CutOffError(ImageError):
    """A file that lacks its end and, with it, a real part of the picture."""

    code = "cut_off"
    sentence = (
        "This {format} file is damaged or incomplete: it is cut off after {rows} of its {height} rows. "
        "Export or download the picture again."
    )


class TooComplexError(ImageError):
    """A file that is split into more parts (segments, chunks, tiles) than any ordinary encoder writes."""

    code = "too_complex"
    sentence = "This {format} file is cut into so many parts that reading it would take too long. Export it again."


class EmptyImageError(ImageError):
    """A picture with a width or height of 0."""

    code = "empty_image"
    sentence = "This picture is empty: it has no pixels. Use another one."


class EmptyFileError(ImageError):
    """A file of no bytes."""

    code = "empty_file"
    sentence = "This file is empty. Export or download the picture again."


class UnknownModeError(ImageError):
    """A PIL image that Pillow cannot load or convert."""

    code = "unknown_mode"
    sentence = "This picture cannot be read: it is damaged, or its mode cannot be converted. Convert it to RGB."


class UnsupportedFormatError(ImageError):
    """The bytes are not a picture in an allowed format."""

    code = "unsupported_format"
    status = 415
    sentence = "This file is not a picture in a supported format. Use one of: {formats:, }."


class UnsupportedKindError(ImageError):
    """A sound file in an allowed format, of a kind of that format that is not read, such as a 12-bit JPEG."""

    code = "unsupported_kind"
    status = 415
    sentence = "This kind of picture is not read here: {kind}. Save the picture as JPEG or PNG."


class TooManyBytesError(ImageError):
    """The file is larger than the limit in bytes."""

    code = "too_many_bytes"
    status = 413
    sentence = "This file is too large: the limit is {limit:millions} MB. Use a smaller one."


class TooManyPixelsError(ImageError):
    """The picture has more pixels than the limit."""

    code = "too_many_pixels"
    status = 413
    sentence = (
        "This picture is too large ({size: x } pixels): the limit is {limit:millions} million pixels, "
        "{side:,} along a side. Scale it down."
    )


class NoMemoryError(ImageError):
    """Decoding the picture would take more memory than there is for one."""

    code = "no_memory"
    status = 413
    sentence = (
        "Decoding this picture ({size: x } pixels) takes more memory than there is here: for {kind} the limit is "
        "{limit:millions} million pixels. Scale it down."
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
