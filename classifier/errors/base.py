"""The base of all errors."""

from __future__ import annotations

from typing import ClassVar

from classifier.formatting import filled


class ClassifierError(Exception):
    """Base of all errors that are shown to a person.

    Attributes:
        code: stable identifier, such as `broken_image`.
        status: HTTP status code for the API.
        sentence: what is wrong and what to do, with names of `details` in braces, as `formatting.filled` takes them;
            "" if each error brings a message.
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
        self.message = message or filled(self.sentence, **details)
        self.details = details
        super().__init__(self.message)
