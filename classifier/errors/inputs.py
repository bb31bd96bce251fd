"""Names on the command line that lead to no picture, and datasets without any."""

from __future__ import annotations

from classifier.errors.base import ClassifierError


class InputError(ClassifierError):
    """A name on the command line leads to no picture, or a dataset holds nothing to measure."""

    code = "bad_input"
    status = 400


class EmptyInputError(InputError):
    """Nothing came from standard input."""

    code = "empty_input"
    sentence = "Standard input is empty. Pipe a picture in."


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
    sentence = "This folder holds no pictures ({endings:, }). Name another one."


class UnlistedFolderError(InputError):
    """A folder whose content cannot be listed."""

    code = "unlisted_folder"
    sentence = "This folder cannot be listed: {reason}."
